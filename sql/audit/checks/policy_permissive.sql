-- Looks for: commands for which rowkeep_api has no permissive policy on a table of app.
-- Why: without a permissive policy PostgreSQL shows no row, and users think that their tasks are gone.
-- Severity: NOTE. Nothing leaks, but requests do not work.
-- Fix: rowkeep migrate --reapply-policies
-- Controls: CIS 4.7
select 'RK-313', 'NOTE', 'policy',
       format('%s: rowkeep_api can %s no row', t.name, string_agg(c.command, ', ' order by c.command)),
       'no permissive policy allows it', 'rowkeep migrate --reapply-policies', null
  from tables t
 cross join (values ('select'), ('insert'), ('update'), ('delete')) c (command)
 where not exists (select
                     from policies p
                    where p.relation = t.name and p.polpermissive and p.command in ('all', c.command)
                      and p.receivers ~ E'\\mrowkeep_api\\M')
 group by t.name
