-- Looks for: the functions of app, other than those of another program: search path, settings, owner, SECURITY DEFINER,
--   LEAKPROOF, language.
-- Why: a function that looks up names by the caller's search path can be made to call something else. SECURITY DEFINER
--   code runs with the rights of its owner. A LEAKPROOF function may see rows before the policy.
-- Severity: FAIL for each difference. NOTE for a function that Rowkeep does not have. OK otherwise.
-- Fix: alter routine ... set search_path = ''; and the like, or restore it from migrations/.
-- Controls: CIS 4.5
select 'RK-411', case when x.problem is not null then 'FAIL' when k.known then 'OK' else 'NOTE' end, 'function',
       f.oid::regprocedure || coalesce(' ' || x.problem, case when not k.known then ', definition ' || left(md5(f.prosrc), 8) end, ''),
       coalesce(x.harm,
                case when not k.known then 'Rowkeep has no such function; this check cannot tell what it does'
                     when f.prosecdef then 'SECURITY DEFINER, takes no argument, its search_path is empty'
                     when n.settled and f.proconfig is null then 'SECURITY INVOKER, names every object with its schema'
                     else 'SECURITY INVOKER, its search_path is empty' end),
       format(x.fix, f.oid::regprocedure),
       case when x.fix ~ ' owner to ' then (select g.fixer from givers g where g.owner = f.proowner)
            when x.fix ~ '^alter' then f.proowner end
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
  -- A function of a trigger has the name of its table.
 cross join lateral (
       select f.oid::regprocedure::text in ('app.current_user_id()', 'app.identify(text)')
              or f.oid::regprocedure::text in (select name from expected_definers)
              or exists (select from tables t where f.proname = t.relname || '_touch' and f.prorettype = 'trigger'::regtype)
                 as known) k
  left join lateral (values
       (f.prokind <> 'a'
        -- RK-402 and RK-403 name another body of the two.
        and (n.settled or f.oid::regprocedure::text not in ('app.current_user_id()', 'app.identify(text)'))
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
        'is SECURITY DEFINER, and does not have the expected body, definition ' || left(md5(f.prosrc), 8), 'it runs as its owner',
        'by hand: restore it from migrations/: %s'),
       (exists (select from expected_touches e where e.name = f.oid::regprocedure::text and e.body <> md5(f.prosrc)),
        'does not have the expected body, definition ' || left(md5(f.prosrc), 8), 'it runs for every row that is written',
        'by hand: restore it from migrations/V2__tasks.sql: %s'),
       (f.proleakproof, 'is LEAKPROOF', 'it may run before the policy', 'alter function %s not leakproof;'),
       (f.prosupport <> 0, 'has a support function', 'the planner can replace its calls',
        'by hand: restore it from migrations/: %s'),
       (f.oid::regprocedure::text = 'app.identify(text)' and l.lanname <> 'plpgsql',
        'is not plpgsql', 'PostgreSQL would plan its statements before it changes the role',
        'by hand: restore it from migrations/V4__cheaper_identity.sql: %s')
       ) x (found, problem, harm, fix) on x.found
 where s.nspname = 'app'
   and f.oid not in (select oid from strange_functions)
   and not exists (select from extension_members x where x.classid = 'pg_proc'::regclass and x.objid = f.oid)
