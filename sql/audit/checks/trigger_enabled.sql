-- Looks for: triggers on tables of app: whether they are enabled, and whether their function is in app.
-- Why: the trigger sets the time stamps and keeps id and user_id. A function of another schema sees every row that is
--   written.
-- Severity: FAIL if it is disabled or its function is not in app. NOTE if it does not have the name of its table and of its
--   function, as those of Rowkeep do. OK otherwise.
-- Fix: alter table ... enable trigger ...; or drop trigger ... on ...;
-- Controls: SOC 2 CC6.1
select 'RK-321', case when x.problem is not null then 'FAIL'
                      when g.tgname = t.relname || '_touch' and f.proname = g.tgname then 'OK' else 'NOTE' end, 'trigger',
       format('%s on %s%s', g.tgname, t.name, x.calls), coalesce(x.problem, f.oid::regprocedure::text),
       format(x.fix, g.tgname, t.name), t.relowner
  from pg_trigger g
  join tables t on t.oid = g.tgrelid
  join pg_proc f on f.oid = g.tgfoid
  left join lateral (values
       (g.tgenabled not in ('O', 'A'), '', 'is not enabled', 'alter table %2$s enable trigger %1$I;'),
       (not exists (select from schemas s where s.oid = f.pronamespace and s.nspname = 'app'),
        format(' calls %s (definition %s)', f.oid::regprocedure, left(md5(pg_get_triggerdef(g.oid) || f.prosrc), 8)), 'a function outside app',
        'drop trigger %1$I on %2$s;')
       ) x (found, calls, problem, fix) on x.found
 where not g.tgisinternal
