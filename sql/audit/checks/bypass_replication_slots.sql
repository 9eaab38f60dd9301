-- Looks for: logical replication slots of this database.
-- Why: a slot keeps the changes of all users until its reader takes them. Policies do not apply to them.
-- Severity: NOTE. Only roles that may replicate can read it, and a backup or a copy may need it.
-- Fix: select pg_drop_replication_slot('...');
-- Controls: SOC 2 CC6.1
select 'RK-615', 'NOTE', 'bypass', format('replication slot %s (%s) keeps all changes of rows', s.slot_name, s.plugin),
       'its reader receives the rows of all users, and no policy applies',
       format('select pg_drop_replication_slot(%L);', s.slot_name), 0::oid
  from pg_replication_slots s
 where s.slot_type = 'logical' and s.database = current_database()
