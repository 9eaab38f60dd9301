-- Looks for: roles that can become the owner of a table of app.
-- Why: row-level security is forced, so the policies bind the owner as well. But an owner can lift them.
-- Severity: NOTE. The login that migrates is such a role.
-- Fix: none for the login that migrates; for others revoke rowkeep_owner from ...;
-- Controls: SOC 2 CC6.3
select 'RK-604', 'NOTE', 'bypass',
       format('%s can become %s, the owner of %s%s', r.name, o.name, string_agg(t.name, ', ' order by t.name collate "C"),
              case when exists (select
                                  from can_become b
                                  join memberships m on m.member = b.other and m.admin_option and m.roleid = o.oid
                                 where b.role = r.oid) then ', and can let others' end),
       'an owner can lift the policies of its table',
       null, null::oid
  from can_use u
  join roles r on r.oid = u.role and not r.rolsuper and not r.predefined
  join roles o on o.oid = u.other
  join tables t on t.relowner = o.oid
 where u.role <> u.other
 group by r.oid, r.name, o.oid, o.name
