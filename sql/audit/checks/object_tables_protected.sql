-- Looks for: how many tables of app force row-level security.
-- Why: one line sums up all tables.
-- Severity: FAIL if there is no table. OK if all do. Nothing is printed otherwise: each table has a line of its own.
-- Fix: rowkeep migrate
-- Controls: CIS 4.7; SOC 2 CC6.1
select 'RK-801', case when f.all_of_them = 0 then 'FAIL' else 'OK' end, 'objects',
       case when f.all_of_them = 0 then 'there is no table in app'
            else format('%s of %s tables in app force row security', f.all_of_them, f.all_of_them) end,
       '', case when f.all_of_them = 0 then 'rowkeep migrate' end, null
  from (select count(*) as all_of_them, bool_and(relrowsecurity and relforcerowsecurity) as protected from tables) f
 where f.all_of_them = 0
    or f.protected
