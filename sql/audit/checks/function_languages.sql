-- Looks for: functions in an untrusted language outside app that requests may execute.
-- Why: such code can read the files of the server, and no policy binds it.
-- Severity: NOTE. Only a superuser can make such a function, and this audit cannot tell whether its code is safe.
-- Fix: drop routine ...;
-- Controls: CIS 4.5
select 'RK-414', 'NOTE', 'function',
       format('%s is in language %s, and %s may execute it', f.oid::regprocedure, l.lanname,
              string_agg(distinct coalesce(r.name, 'public'), ', ')),
       'no policy applies to such code',
       format('drop routine %s;', f.oid::regprocedure), f.proowner
  from pg_proc f
  join pg_language l on l.oid = f.prolang and not l.lanpltrusted
 cross join aclexplode(coalesce(f.proacl, acldefault('f', f.proowner))) a
  left join roles r on r.oid = a.grantee
 where f.prorettype not in ('trigger'::regtype, 'event_trigger'::regtype)  -- nobody can call them
   and (a.grantee = 0 or a.grantee in (select oid from serving_roles))
   -- An aggregate is internal by name, and calls functions in other languages.
   and (f.prokind <> 'a'
        or exists (select
                     from pg_aggregate g
                     join pg_proc p on p.oid in (g.aggtransfn, g.aggfinalfn, g.aggcombinefn) and p.oid >= 16384
                     join pg_language x on x.oid = p.prolang and not x.lanpltrusted
                    where g.aggfnoid = f.oid))
   and f.oid >= 16384
   and (f.pronamespace not in (select oid from schemas) or f.oid in (select oid from strange_functions))
   and not exists (select from extension_members x where x.classid = 'pg_proc'::regclass and x.objid = f.oid)
 group by f.oid, l.lanname
