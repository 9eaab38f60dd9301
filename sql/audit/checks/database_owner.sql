-- Looks for: the name and the owner of the database.
-- Why: the report says which database it is about. Its owner may store settings for all its sessions.
-- Severity: always OK. The role of the owner is checked under `bypass`.
-- Fix: none.
select 10, 'OK', 'database', format('%I, owned by %s', d.datname, r.name), null
  from pg_database d join roles r on r.oid = d.datdba
 where d.datname = current_database()
