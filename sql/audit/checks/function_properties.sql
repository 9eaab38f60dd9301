-- Looks for: the functions of app: search path, settings, owner, SECURITY DEFINER, LEAKPROOF, language.
-- Why: a function that looks up names by the caller's search path can be made to call something else. SECURITY DEFINER
--   code runs with the rights of its owner. A LEAKPROOF function may see rows before the policy.
-- Severity: FAIL for each difference. OK otherwise.
-- Fix: alter routine ... set search_path = ''; and the like, or restore it from migrations/.
select 'RK-411', case when x.problem is null then 'OK' else 'FAIL' end, 'function',
       f.oid::regprocedure || coalesce(' ' || x.problem, ''),
       coalesce(x.harm,
                case when f.prosecdef then 'SECURITY DEFINER, takes no argument, its search_path is empty'
                     when n.settled and f.proconfig is null then 'SECURITY INVOKER, names every object with its schema'
                     else 'SECURITY INVOKER, its search_path is empty' end),
       format(x.fix, f.oid::regprocedure), case when x.fix ~ '^alter' then f.proowner end
  from pg_proc f
  join schemas s on s.oid = f.pronamespace
  join roles o on o.oid = f.proowner
  join pg_language l on l.oid = f.prolang
 cross join expected w
 -- Every request calls these two. A search_path setting would cost more than the functions themselves. So they have
 -- none, but their bodies must be the expected ones, which name every object and operator with its schema.
 cross join lateral (
       select not f.prosecdef
              and (f.oid::regprocedure::text = 'app.current_user_id()' and l.lanname = 'sql'
                   and coalesce(pg_get_function_sqlbody(f.oid) = w.identity, false)
                   or f.oid::regprocedure::text = 'app.identify(text)' and l.lanname = 'plpgsql'
                   and f.prosrc = w.identify) as settled) n
  left join lateral (values
       (f.prokind <> 'a'
        and not coalesce(f.proconfig @> array['search_path=""'], false)
        and not (n.settled and not exists (select from unnest(f.proconfig) c (setting) where c.setting ~ '^search_path=')),
        'does not set search_path = ''''', 'its caller decides which objects it finds',
        case when n.settled then 'alter routine %s reset search_path;' else 'alter routine %s set search_path = '''';' end),
       (exists (select from unnest(f.proconfig) c (setting) where c.setting !~ '^search_path='),
        'has settings of its own: ' || array_to_string(f.proconfig, ', '), 'they apply while it runs',
        'alter routine %s reset all;'
        || case when n.settled then '' else ' alter routine %1$s set search_path = '''';' end),
       (o.rolname <> 'rowkeep_owner', 'is owned by ' || o.name, 'the owner can replace it', 'alter routine %s owner to rowkeep_owner;'),
       (f.prosecdef and f.oid::regprocedure::text not in (select name from expected_definers),
        'is SECURITY DEFINER', 'it runs as its owner', 'alter routine %s security invoker;'),
       (f.prosecdef and exists (select
                                  from expected_definers d
                                 where d.name = f.oid::regprocedure::text and (l.lanname <> 'sql' or f.prosrc <> d.body)),
        'is SECURITY DEFINER, and does not have the expected body', 'it runs as its owner',
        'by hand: restore it from migrations/: %s'),
       (f.proleakproof, 'is LEAKPROOF', 'it may run before the policy', 'alter function %s not leakproof;'),
       (f.proname = 'identify' and l.lanname <> 'plpgsql',
        'is not plpgsql', 'PostgreSQL would plan its statements before it changes the role',
        'by hand: restore it from migrations/V4__cheaper_identity.sql: %s')
       ) x (found, problem, harm, fix) on x.found
 where s.nspname = 'app'
