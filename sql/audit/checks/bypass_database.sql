-- Looks for: the owner of the database and its members, and members of pg_write_all_data.
-- Why: the owner can store settings for all sessions of the database. pg_write_all_data can set sequences: then new tasks
--   meet ids that are taken.
-- Severity: NOTE. Neither reads a row by it. A login that migrates usually owns the database, and is left out.
-- Fix: alter database ... owner to ...; or revoke pg_write_all_data from ...;
-- Controls: SOC 2 CC6.3
select 'RK-620', 'NOTE', 'bypass',
       case when r.oid = d.datdba then format('%s owns database %I', r.name, d.datname)
            else format('%s is a member of %s, which owns database %I', r.name, o.name, d.datname) end,
       'it can store settings for all its sessions', null, null::oid
  from can_use u
  join pg_database d on d.datname = current_database() and d.datdba = u.other
  join roles o on o.oid = d.datdba
  join roles r on r.oid = u.role and not r.rolsuper and not r.predefined
 where r.oid not in (select oid from migrating_logins)
union all
select 'RK-620', 'NOTE', 'bypass', r.name || ' is a member of pg_write_all_data',
       'policies bind what it writes, but it can set sequences', null, null::oid
  from can_use u
  join roles o on o.oid = u.other and o.rolname = 'pg_write_all_data'
  join roles r on r.oid = u.role and not r.rolsuper and not r.predefined
 where u.role <> u.other
