-- Looks for: SECURITY DEFINER functions outside app whose owner can reach rows of all users, and that others may execute.
-- Why: the code runs as its owner, so it can show or change the rows of all users. A function that builds its SQL at run time
--   can do so for a caller who chooses the SQL.
-- Severity: FAIL if PUBLIC or a role of requests may execute it, and its text names a table of app or builds SQL, or is in a
--   language that this audit does not read; also if it was granted to a role of Rowkeep. NOTE if only other roles may: a
--   function that shows one column to one role is less than a role with BYPASSRLS. One NOTE counts those that PUBLIC may
--   execute and whose text names nothing of app. Functions of triggers are left out: nobody can call them.
-- Fix: revoke execute on routine ... from ...;
-- Controls: CIS 4.5; SOC 2 CC6.3
select 'RK-412', case when bool_or(d.open and d.risky or d.ours) then 'FAIL' else 'NOTE' end, 'function',
       format('%s runs as %s (SECURITY DEFINER), and %s may execute it, definition %s', d.signature, d.owner_name,
              string_agg(distinct d.receiver, ', '), left(md5(d.body), 8)),
       case when bool_or(d.open or d.ours) then 'it can reach the rows of all users' else 'it reaches the rows of all users for this role' end,
       string_agg(distinct format('revoke execute on routine %s from %s;', d.signature, d.receiver), ' ')
       filter (where d.open or d.ours or not d.any_open),
       d.owner
  from definers d
 where d.risky or d.ours
 group by d.oid, d.signature, d.owner, d.owner_name, d.body
union all
select 'RK-412', 'NOTE', 'function',
       format('SECURITY DEFINER functions of other programs (%s), definitions %s', count(distinct d.oid),
              left(md5(string_agg(distinct d.signature || d.body, '' order by d.signature || d.body)), 8)),
       'roles of requests may execute them; their owners can reach the rows of all users, their texts do not name app', null, null
  from definers d
 where d.open
   and not exists (select from definers o where o.oid = d.oid and (o.risky or o.ours))
having count(*) > 0
