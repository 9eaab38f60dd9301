-- Looks for: prepared transactions of this database.
-- Why: a prepared transaction keeps its locks until it is committed or rolled back.
-- Severity: NOTE. It breaks no isolation.
-- Fix: rollback prepared '...';
select 110, 'NOTE', 'objects', format('prepared transaction %s of %I keeps its locks', p.gid, p.owner),
       format('rollback prepared %L;', p.gid)
  from pg_prepared_xacts p
 where p.database = current_database()
