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
  from untrusted_functions l
  join pg_proc f on f.oid = l.oid
 cross join aclexplode(coalesce(f.proacl, acldefault('f', f.proowner))) a
  left join roles r on r.oid = a.grantee
 where f.prorettype not in ('trigger'::regtype, 'event_trigger'::regtype)  -- nobody can call them
   and (a.grantee = 0 or a.grantee in (select oid from serving_roles))
   and (f.pronamespace not in (select oid from schemas) or f.oid in (select oid from strange_functions))
   and not exists (select from extension_members x where x.classid = 'pg_proc'::regclass and x.objid = f.oid)
 group by f.oid, l.lanname
