-- Looks for: app.identify(text): its body, and STRICT.
-- Why: a STRICT function does nothing for null, so the transaction would keep the identity and the role that it had.
--   Another body can set another user or role.
-- Severity: FAIL for each difference. OK otherwise.
-- Fix: alter function app.identify(text) called on null input; or restore it from the migration.
-- Controls: CIS 4.7; SOC 2 CC6.1
select 'RK-403', case when x.problem is null then 'OK' else 'FAIL' end, 'identity',
       'app.identify(text) ' || coalesce(x.problem, 'sets user and role for one transaction'),
       coalesce(x.harm, 'it refuses an empty user'), x.fix,
       case when x.fix ~ '^alter' then f.proowner end
  from pg_proc f
  join schemas s on s.oid = f.pronamespace
  join pg_language l on l.oid = f.prolang and l.lanname = 'plpgsql'  -- RK-411 names another language
 cross join expected w
  left join lateral (values
       (f.proisstrict, 'is STRICT', 'for null it does nothing, and the transaction keeps the identity it had',
        'alter function app.identify(text) called on null input;'),
       (f.prosrc is distinct from w.identify,
        'does not have the expected body, definition ' || left(md5(f.prosrc), 8), 'refuse an empty user, then set app.user_id and the role for one transaction',
        'by hand: restore it from migrations/V4__cheaper_identity.sql')
       ) x (found, problem, harm, fix) on x.found
 where f.proname = 'identify' and f.oid::regprocedure::text = 'app.identify(text)'
