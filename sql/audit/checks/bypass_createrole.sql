-- Looks for: roles with CREATEROLE before PostgreSQL 16, and roles that can become one of them.
-- Why: before 16 such a role can grant itself every role that is no superuser: also pg_execute_server_program, which runs
--   programs as the system user that owns the files of all tables. Hosting services patch this.
-- Severity: NOTE. The login that migrates needs it. From 16 on the attribute gives power over roles that it made, no others.
-- Fix: alter role ... nocreaterole; or a newer PostgreSQL.
-- Controls: CIS 4.3; SOC 2 CC6.3
select 'RK-606', 'NOTE', 'bypass',
       case when r.rolcreaterole then r.name || ' has CREATEROLE'
            else format('%s can become %s, which has CREATEROLE', r.name, string_agg(o.name, ', ' order by o.rolname collate "C")) end,
       'before PostgreSQL 16 it can grant itself any role that is no superuser, unless a hosting service prevents it', null, null::oid
  from can_become b
  join roles r on r.oid = b.role and not r.rolsuper and not r.predefined
  join roles o on o.oid = b.other and o.rolcreaterole and not o.rolsuper
 where current_setting('server_version_num')::integer < 160000
   and (not r.rolcreaterole or r.oid = o.oid)
 group by r.oid, r.name, r.rolcreaterole
