-- Looks for: logins of requests that are members of a predefined role (pg_...).
-- Why: such a role can read all tables, statistics or files.
-- Severity: NOTE. The roles that get past policies have lines of their own under `bypass`.
-- Fix: revoke ... from ...;
-- Controls: CIS 4.3; SOC 2 CC6.3
select 'RK-704', 'NOTE', 'login', format('%s is a member of %s', l.name, string_agg(o.name, ', ' order by o.rolname collate "C")),
       '', string_agg(m.revoke, ' ' order by o.rolname collate "C"),
       case when min(m.low) = max(m.high) then min(m.low) else '0' end
  from logins l
  join can_use u on u.role = l.oid and u.other <> l.oid
  join roles o on o.oid = u.other and o.rolname ~ '^pg_'
 -- Not what it is a member of through another role.
 cross join lateral (
       select string_agg(m.revoke, ' ' order by m.revoke) as revoke, min(m.fixer) as low, max(m.fixer) as high
         from memberships m
        where m.member = l.oid and m.roleid = o.oid) m
 group by l.name
