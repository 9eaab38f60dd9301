-- Looks for: tables of app without row-level security, without FORCE, with another owner, and foreign tables.
-- Why: no policy applies where row-level security is off, and none to the owner where it is not forced. PostgreSQL applies
--   no policy to a foreign table.
-- Severity: FAIL, because isolation does not hold. OK otherwise.
-- Fix: alter table ... enable row level security, force row level security;
-- Controls: CIS 4.7; SOC 2 CC6.1
select 'RK-301', case when f.problems = '' then 'OK' else 'FAIL' end, 'table',
       t.name || ': row security ' || case when t.relrowsecurity then 'enabled' else 'NOT enabled' end
       || case when t.relforcerowsecurity then ', forced' else ', NOT forced' end
       || format('; owner %s', o.name)
       || case when t.relkind = 'f' then '; a FOREIGN table' else '' end,
       concat_ws('; ',
                 case when not t.relrowsecurity or t.relkind = 'f' then 'no policy applies' end,
                 case when not t.relforcerowsecurity then 'its owner reads all rows' end),
       f.problems, case when o.rolname = 'rowkeep_owner' then t.relowner else g.fixer end
  from tables t
  join roles o on o.oid = t.relowner
  join givers g on g.owner = t.relowner
 cross join lateral (
       select concat_ws(' ',
                  case when not (t.relrowsecurity and t.relforcerowsecurity)
                       then format('alter table %s enable row level security, force row level security;', t.name) end,
                  case when o.rolname <> 'rowkeep_owner'
                       then format('alter table %s owner to rowkeep_owner;', t.name) end,
                  case when t.relkind = 'f' then format('drop foreign table %s;', t.name) end) as problems) f
