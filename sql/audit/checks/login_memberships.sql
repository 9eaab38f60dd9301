-- Looks for: logins of requests that are members of a predefined role (pg_...).
-- Why: such a role can read all tables, statistics or files.
-- Severity: NOTE. The roles that get past policies have lines of their own under `bypass`.
-- Fix: revoke ... from ...;
-- Controls: CIS 4.3; SOC 2 CC6.3
select 'RK-704', 'NOTE', 'login', format('%s is a member of %s', l.name, string_agg(o.name, ', ' order by o.rolname collate "C")),
       '', string_agg(format('revoke %s from %s;', o.name, l.name), ' ' order by o.rolname collate "C"), 1
  from logins l
  join can_use u on u.role = l.oid and u.other <> l.oid
  join roles o on o.oid = u.other and o.rolname ~ '^pg_'
 group by l.name
