-- Looks for: roles with BYPASSRLS, and roles that can become one of them.
-- Why: no policy binds such a role. Hosting services give the attribute to the logins of their consoles. The attribute is not
--   inherited, but SET ROLE takes it on.
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
