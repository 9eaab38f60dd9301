-- Looks for: roles with BYPASSRLS, roles that can become one of them, and roles that have the privileges of one that owns a
--   function, a view or a table (INHERIT without SET, from PostgreSQL 16 on).
-- Why: no policy binds such a role. Hosting services give the attribute to the logins of their consoles. The attribute is not
--   inherited, but SET ROLE takes it on. Who has the privileges of the owner can replace its functions, which then run as it.
-- Severity: NOTE. Backups and administrators need it. For a login of requests and for the roles of Rowkeep other checks fail.
-- Fix: alter role ... nobypassrls;
-- Controls: CIS 4.3; CIS 4.7; SOC 2 CC6.3
select 'RK-602', 'NOTE', 'bypass',
       case when r.rolbypassrls then r.name || ' has BYPASSRLS'
            else format('%s can become %s, which has BYPASSRLS', r.name, string_agg(o.name, ', ' order by o.rolname collate "C")) end
       || case when bool_or(o.oid in (select role from readers)) then ' and privileges in app' else '' end,
       case when bool_or(o.oid in (select role from readers)) then 'it reads every row'
            else 'it has no privilege on a table of app: one grant, and it reads every row' end, null, null::oid
  from can_become b
  join roles r on r.oid = b.role and not r.rolsuper and not r.predefined
  join roles o on o.oid = b.other and o.rolbypassrls and not o.rolsuper
 where not r.rolbypassrls or r.oid = o.oid
 group by r.oid, r.name, r.rolbypassrls
union all
select 'RK-602', 'NOTE', 'bypass',
       format('%s can change what runs as %s, which has BYPASSRLS', r.name, string_agg(o.name, ', ' order by o.rolname collate "C"))
       || case when bool_or(o.oid in (select role from readers)) then ' and privileges in app' else '' end,
       'it has the privileges of that role, which owns functions, views or tables: code in them runs as their owner', null, null::oid
  from can_use u
  join roles r on r.oid = u.role and not r.rolsuper and not r.rolbypassrls and not r.predefined
  join roles o on o.oid = u.other and o.rolbypassrls and not o.rolsuper
 where (u.role, u.other) not in (select role, other from can_become)
   and exists (select
                 from pg_shdepend d
                where d.refclassid = 'pg_authid'::regclass and d.refobjid = o.oid and d.deptype = 'o'
                  and d.dbid = (select oid from pg_database where datname = current_database())
                  and (d.classid = 'pg_proc'::regclass
                       or d.classid = 'pg_class'::regclass
                          and exists (select from pg_class c where c.oid = d.objid and c.relkind in ('r', 'p', 'v', 'm'))))
 group by r.oid, r.name
