-- Looks for: a role of Rowkeep that is a member of another role.
-- Why: a member has the privileges of the other role, or can take them.
-- Severity: FAIL. The roles of Rowkeep have privileges of their own only.
-- Fix: revoke ... from ... cascade;
-- Controls: CIS 4.3; SOC 2 CC6.3
select 'RK-202', 'FAIL', 'role', format('%s is a member of %s', r.name, o.name),
       'a role of Rowkeep has the privileges of no other role',
       format('revoke %s from %s%s cascade;', o.name, r.name,
              case when current_setting('server_version_num')::integer >= 160000
                   then format(' granted by %I', g.rolname) else '' end),
       m.fixer
  from memberships m
  left join pg_roles g on g.oid = m.grantor
  join roles r on r.oid = m.member and r.ours
  join roles o on o.oid = m.roleid
