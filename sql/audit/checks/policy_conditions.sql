-- Looks for: every policy on a table of app: whom it is for, and whether its conditions are the expected one.
-- Why: a wider condition shows or changes rows of other users. This audit cannot tell whether a different text is safe.
-- Severity: FAIL if the roles or a condition are not the expected ones. OK otherwise. Permissive policies are for
--   rowkeep_api only, restrictive policies for PUBLIC.
-- Fix: drop policy ... on ...; or `rowkeep migrate --reapply-policies`.
-- Controls: CIS 4.7; SOC 2 CC6.1
select 'RK-311',
       case when p.receivers = case when p.polpermissive then 'rowkeep_api' else 'public' end
                 and p.sees_own and p.writes_own then 'OK' else 'FAIL' end,
       'policy',
       format('%s %s: %s %s to %s, ', p.relation, p.name,
              case when p.polpermissive then 'permissive' else 'RESTRICTIVE' end, p.command, p.receivers)
       || case when p.using_text = p.check_text then 'using and check ' || p.using_text
               else concat_ws(', ', 'using ' || p.using_text, 'check ' || p.check_text) end,
       case when p.polpermissive and p.receivers <> 'rowkeep_api' then 'applies to other roles than rowkeep_api'
            when not p.polpermissive and p.receivers <> 'public' then 'does not apply to every role'
            when not p.sees_own then 'its condition for reading is not the expected one'
            when not p.writes_own then 'its condition for writing is not the expected one'
            else '' end,
       case when p.polpermissive and p.polname <> 'owner_only' then format('drop policy %s on %s;', p.name, p.relation)
            else 'rowkeep migrate --reapply-policies' end,
       case when p.polpermissive and p.polname <> 'owner_only' then p.owner end
  from policies p
