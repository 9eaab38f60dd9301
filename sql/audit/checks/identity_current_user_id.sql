-- Looks for: app.current_user_id(): its volatility, its language and its body.
-- Why: an IMMUTABLE function is computed once for a cached plan, which then shows one user's rows to the next. A VOLATILE
--   function is called for each row. Another body can name another user.
-- Severity: FAIL for each difference. OK otherwise.
-- Fix: alter function app.current_user_id() stable; or restore it from the migration.
-- Controls: CIS 4.7; SOC 2 CC6.1
select 'RK-402', case when x.problem is null then 'OK' else 'FAIL' end, 'identity',
       'app.current_user_id() ' || coalesce(x.problem, 'is STABLE'),
       coalesce(x.harm, 'it does not depend on search_path, and returns null for an empty setting'), x.fix,
       case when x.fix ~ '^alter' then f.proowner end
  from pg_proc f
  join schemas s on s.oid = f.pronamespace
  join pg_language l on l.oid = f.prolang
 cross join expected w
  left join lateral (values
       (f.provolatile = 'i', 'is IMMUTABLE', 'a cached plan shows one user''s rows to the next user',
        'alter function app.current_user_id() stable;'),
       (f.provolatile = 'v', 'is VOLATILE', 'PostgreSQL calls it for every row',
        'alter function app.current_user_id() stable;'),
       (l.lanname <> 'sql' or pg_get_function_sqlbody(f.oid) is distinct from w.identity,
        'does not have the expected body, definition '
        || left(md5(concat(f.prosrc, pg_get_function_sqlbody(f.oid))), 8), 'nullif(current_setting(''app.user_id'', true), '''')',
        'by hand: restore it from migrations/V4__cheaper_identity.sql')
       ) x (found, problem, harm, fix) on x.found
 where s.nspname = 'app' and f.proname = 'current_user_id' and f.pronargs = 0
