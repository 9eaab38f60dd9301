-- Looks for: logical replication slots of this database.
-- Why: a slot keeps the changes of all users until its reader takes them. Policies do not apply to them.
-- Severity: NOTE. Only roles with REPLICATION can read it, and a backup or a copy may need it.
-- Fix: select pg_drop_replication_slot('...');
-- Controls: SOC 2 CC6.1
select 'RK-809', 'NOTE', 'objects', format('replication slot %s keeps all changes of rows', s.slot_name),
       'no policy applies', format('select pg_drop_replication_slot(%L);', s.slot_name), 0
  from pg_replication_slots s
 where s.slot_type = 'logical' and s.database = current_database()
