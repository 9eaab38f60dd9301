-- Looks for: SECURITY DEFINER functions outside app whose owner can reach rows of all users, and that others may execute.
-- Why: the code runs as its owner, so it can show or change the rows of all users. A function that builds its SQL at run time
--   can do so for a caller who chooses the SQL. Statistics, files and passwords lead to the rows as well.
-- Severity: FAIL if PUBLIC or a role of requests may execute it, and its text names a table of app, or takes SQL, or reads what
--   leads to the rows, or is in a language that this audit does not read; also if it was granted to a role of Rowkeep. NOTE if
--   only other roles may: a function that shows one column to one role is less than a role with BYPASSRLS. NOTE for the function
--   of a trigger: only who makes a table of their own and attaches it can run it. One NOTE counts those whose text says nothing
--   of this, and names those without a search_path of their own: with a function or a temporary view in its own schema, a caller
--   can make such a function run other code.
-- Fix: revoke execute on routine ... from ...;
-- Controls: CIS 4.5; SOC 2 CC6.3
select 'RK-412', case when bool_or(d.open and not d.of_trigger or d.ours) then 'FAIL' else 'NOTE' end, 'function',
       format('%s runs as %s (SECURITY DEFINER), and %s may execute it, definition %s', d.signature, d.owner_name,
              string_agg(distinct d.receiver, ', '), left(md5(d.body), 8)),
       case when d.of_trigger then 'who attaches it to a table of their own can reach the rows of all users'
            when bool_or(d.open or d.ours) then 'it can reach the rows of all users'
            else 'it reaches the rows of all users for this role' end,
       string_agg(distinct format('revoke execute on routine %s from %s;', d.signature, d.receiver), ' ')
       filter (where d.open or d.ours or not d.any_open and d.receiver !~ ', '),
       d.owner
  from definers d
 where (d.names_app or d.ours or d.sensitive and not (d.of_trigger or d.extension))
 group by d.oid, d.signature, d.owner, d.owner_name, d.body, d.of_trigger
union all
select 'RK-412', 'NOTE', 'function',
       format('SECURITY DEFINER functions of other programs (%s), definitions %s', count(distinct d.oid),
              left(md5(string_agg(distinct concat(d.signature, d.body, d.loose), ''
                                  order by concat(d.signature, d.body, d.loose))), 8)),
       'others may execute them, their owners can reach the rows of all users, and their texts do not name app: '
       || string_agg(distinct d.signature, ', ') filter (where d.number <= 5)
       || case when max(d.number) > 5 then format(' and %s more', max(d.number) - 5) else '' end
       || case when bool_or(d.loose)
               then '; these set no search_path, so that their caller can choose what they call, and so act as their owner: '
                    || string_agg(distinct d.signature, ', ') filter (where d.loose and d.nth <= 5)
                    || case when max(d.nth) filter (where d.loose) > 5
                            then format(' and %s more', max(d.nth) filter (where d.loose) - 5) else '' end
               else '' end, null, null
  from (select o.*, dense_rank() over (order by o.signature) as number,
               dense_rank() over (partition by o.loose order by o.signature) as nth
          from definers o
         where not (o.names_app or o.extension)
           and (o.sensitive = o.of_trigger)
           and not exists (select from definers x where x.oid = o.oid and x.ours)) d
having count(*) > 0
