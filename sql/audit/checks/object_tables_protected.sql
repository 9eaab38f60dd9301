-- Looks for: how many tables of app force row-level security.
-- Why: one line sums up all tables.
-- Severity: FAIL if one does not, or if there is no table. OK otherwise.
-- Fix: alter table ... enable row level security, force row level security;
select 'RK-801', case when f.failing = 0 and f.all_of_them > 0 then 'OK' else 'FAIL' end, 'objects',
       case when f.all_of_them = 0 then 'there is no table in app'
            else format('%s of %s tables in app force row security', f.all_of_them - f.failing, f.all_of_them) end,
       '', case when f.all_of_them = 0 then 'rowkeep migrate' else f.fix end,
       case when f.fix is not null then f.owner end
  from (select count(*) as all_of_them,
               count(*) filter (where not (relrowsecurity and relforcerowsecurity)) as failing, min(relowner) as owner,
               string_agg(format('alter table %s enable row level security, force row level security;', name), ' '
                          order by name collate "C")
               filter (where not (relrowsecurity and relforcerowsecurity)) as fix
          from tables) f
