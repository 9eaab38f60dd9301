-- Looks for: SECURITY DEFINER functions outside app that others may execute.
-- Why: the code runs as its owner. If the owner can bypass policies, the function can show the rows of all users.
-- Severity: FAIL if the owner can bypass policies and requests were given the function, or its text can name something of
--   app. NOTE otherwise: other applications have such functions, too.
-- Fix: revoke execute on routine ... from ...;
select 'RK-412',
       case when (o.rolsuper or exists (select from bypasses p where p.role = o.oid))
                 and (bool_or(a.grantee <> 0 and a.grantee in (select oid from serving_roles))
                      or l.lanname not in ('sql', 'plpgsql')
                      or concat(f.prosrc, pg_get_function_sqlbody(f.oid), array_to_string(f.proconfig, ' '))
                         ~* (select E'U&|\\m(execute|app|' || string_agg(regexp_replace(t.relname, '[^A-Za-z0-9_]+', '.*', 'g'), '|')
                                    || E')\\M'
                               from relations t)) then 'FAIL' else 'NOTE' end,
       'function',
       format('%s runs as %s (SECURITY DEFINER), and %s may execute it', f.oid::regprocedure, o.name,
              string_agg(distinct coalesce(r.name, 'public'), ', ')),
       format('body %s', left(md5(concat(f.prosrc, pg_get_function_sqlbody(f.oid))), 8)),
       string_agg(distinct format('revoke execute on routine %s from %s;', f.oid::regprocedure,
                                  coalesce(r.name, 'public')), ' '),
       f.proowner
  from pg_proc f
  join roles o on o.oid = f.proowner
  join pg_language l on l.oid = f.prolang
 cross join aclexplode(coalesce(f.proacl, acldefault('f', f.proowner))) a
  left join roles r on r.oid = a.grantee
 where f.prosecdef
   and f.oid >= 16384
   and f.pronamespace not in (select oid from schemas)
   and a.grantee <> f.proowner
   and not exists (select
                     from extension_members x
                    where x.classid = 'pg_proc'::regclass and x.objid = f.oid
                      -- Functions of extensions are left out, unless their text names app. plpgsql has none.
                      and x.extname <> 'plpgsql' and f.prosrc !~* E'\\mapp\\M')
 group by f.oid, o.oid, o.name, o.rolsuper, l.lanname
