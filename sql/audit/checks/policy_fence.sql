-- Looks for: tables of app without a fence: a restrictive policy for all commands, to PUBLIC, with the expected
--   condition.
-- Why: the fence keeps isolation when a permissive policy is added by mistake.
-- Severity: FAIL. Without the fence one more mistake breaks isolation.
-- Fix: rowkeep migrate --reapply-policies
-- Controls: CIS 4.7; SOC 2 CC6.1
select 'RK-312', 'FAIL', 'policy', format('%s has no fence', t.name),
       'a restrictive policy for all commands, to public', 'rowkeep migrate --reapply-policies', null
  from tables t
 where not exists (select
                     from policies p
                    where p.relation = t.name and not p.polpermissive and p.command = 'all'
                      and p.receivers = 'public' and p.sees_own and p.writes_own)
   -- RK-311 names a restrictive policy that is not as it must be.
   and not exists (select
                     from policies p
                    where p.relation = t.name and not p.polpermissive
                      and not (p.receivers = 'public' and p.sees_own and p.writes_own))
