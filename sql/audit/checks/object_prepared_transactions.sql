-- Looks for: prepared transactions of this database.
-- Why: a prepared transaction keeps its locks until it is committed or rolled back.
-- Severity: NOTE. It breaks no isolation.
-- Fix: rollback prepared '...';
select 'RK-813', 'NOTE', 'objects', format('prepared transaction %s of %I', p.gid, p.owner), 'it keeps its locks',
       format('rollback prepared %L;', p.gid), (select r.oid from roles r where r.rolname = p.owner)
  from pg_prepared_xacts p
 where p.database = current_database()
