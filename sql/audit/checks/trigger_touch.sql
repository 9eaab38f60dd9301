-- Looks for: a trigger of app that runs before every insert and update of every row.
-- Why: only such a trigger can keep id, user_id and created_at unchanged.
-- Severity: FAIL if a table of app has none.
-- Fix: restore it from migrations/.
-- Controls: SOC 2 CC6.1
select 'RK-322', 'FAIL', 'trigger', t.name || ' has no trigger that keeps its columns',
       'id, user_id and created_at can change', 'by hand: restore it from migrations/', null
  from tables t
 where not exists (select
                     from pg_trigger g
                     join pg_proc f on f.oid = g.tgfoid
                     join schemas s on s.oid = f.pronamespace
                    where g.tgrelid = t.oid and s.nspname = 'app'
                      -- TRIGGER_TYPE_ROW, _BEFORE, _INSERT and _UPDATE (pg_trigger.h)
                      and g.tgtype & 23 = 23
                      -- for every row and every column: no WHEN condition and no column list
                      and g.tgqual is null and g.tgattr = '')
