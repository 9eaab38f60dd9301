-- Looks for: every role that can get past the policies, and how.
-- Why: this list is what a DBA wants to know first. Requests always run as rowkeep_api, even if their login has more power.
-- Severity: FAIL for rowkeep_api and rowkeep_auditor. NOTE for the others: superusers and owners exist in every cluster.
-- Fix: remove what makes it so, as the line for the role says.
-- Controls: CIS 4.3; CIS 4.7; SOC 2 CC6.3
select 'RK-601', case when r.rolname in ('rowkeep_api', 'rowkeep_auditor') then 'FAIL' else 'NOTE' end, 'bypass',
       r.name || ': ' || string_agg(p.way, '; ' order by p.way),
       case when not r.rolsuper and exists (select from logins l where l.oid = r.oid)
               then 'it also serves requests: sql/setup/login.sql makes a login without privileges of its own' else '' end,
       case when r.rolname in ('rowkeep_api', 'rowkeep_auditor') then 'by hand: see the line of this role above' end, null
  from bypasses p
  join roles r on r.oid = p.role
 -- Not the predefined roles of PostgreSQL: their members have lines of their own.
 where (r.oid = 10 or r.oid >= 16384)
   and (not r.rolsuper or p.way = 'superuser')
 group by r.oid, r.rolname, r.name, r.rolsuper
