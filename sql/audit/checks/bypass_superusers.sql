-- Looks for: superusers, roles that can become one, and roles that have the privileges of one (INHERIT without SET, from
--   PostgreSQL 16 on).
-- Why: no policy and no privilege binds a superuser. It reads every row, and the files of the server. Its privileges alone are
--   enough for the files, the statistics and the passwords.
-- Severity: NOTE. Every cluster has at least one.
-- Fix: none. Give people logins of their own, and keep the password of the superuser away from programs.
-- Controls: CIS 4.3; SOC 2 CC6.3
select 'RK-601', 'NOTE', 'bypass',
       case when r.rolsuper then r.name || ' is a superuser'
            else format('%s can become %s, a superuser', r.name, string_agg(o.name, ', ' order by o.rolname collate "C")) end,
       'no policy binds it, and it reads every row', null, null::oid
  from can_become b
  join roles r on r.oid = b.role and not r.predefined
  join roles o on o.oid = b.other and o.rolsuper
 where not r.rolsuper or r.oid = o.oid
 group by r.oid, r.name, r.rolsuper
union all
select 'RK-601', 'NOTE', 'bypass',
       format('%s has the privileges of %s, a superuser', r.name, string_agg(o.name, ', ' order by o.rolname collate "C")),
       'it reads the files of all tables, statistics and passwords, and can change the functions of that role', null, null::oid
  from can_use u
  join roles r on r.oid = u.role and not r.rolsuper and not r.predefined
  join roles o on o.oid = u.other and o.rolsuper
 where not exists (select from can_become b join roles s on s.oid = b.other and s.rolsuper where b.role = u.role)
 group by r.oid, r.name
