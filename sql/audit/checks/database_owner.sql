-- Looks for: the name and the owner of the database.
-- Why: the report says which database it is about. Its owner may store settings for all its sessions.
-- Severity: always OK. The role of the owner is checked under `bypass`.
-- Fix: none.
select 'RK-105', 'OK', 'database', format('%I', d.datname), 'owned by ' || r.name, null, null
  from pg_database d join roles r on r.oid = d.datdba
 where d.datname = current_database()
