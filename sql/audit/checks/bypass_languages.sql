-- Looks for: functions in an untrusted language, outside app and extensions, that a role other than those of requests may
--   execute.
-- Why: such code runs as the system user that owns the files of all tables, and no policy binds it. What it does with its
--   arguments decides what a caller can read.
-- Severity: NOTE. Only a superuser can make one. For PUBLIC and roles of requests another check has a line.
-- Fix: revoke execute on routine ... from ...;
-- Controls: SOC 2 CC6.3
select 'RK-612', 'NOTE', 'bypass',
       format('%s may execute %s, in language %s (%s)', string_agg(distinct r.name, ', '), f.oid::regprocedure, l.lanname,
              left(md5(f.prosrc), 8)),
       'its code reaches the files of the server, in which the rows of all tables are',
       string_agg(distinct format('revoke execute on routine %s from %s;', f.oid::regprocedure, r.name), ' '), f.proowner
  from untrusted_functions l
  join pg_proc f on f.oid = l.oid
 cross join aclexplode(f.proacl) a
  join roles r on r.oid = a.grantee and not r.rolsuper
 where a.grantee <> f.proowner
   and a.grantee not in (select oid from serving_roles)
   and f.pronamespace not in (select oid from schemas)
   and not exists (select from extension_members x where x.classid = 'pg_proc'::regclass and x.objid = f.oid)
   -- checks/function_languages.sql has a line for these.
   and not exists (select
                     from aclexplode(coalesce(f.proacl, acldefault('f', f.proowner))) b
                    where b.grantee = 0 or b.grantee in (select oid from serving_roles))
 group by f.oid, f.proowner, f.prosrc, l.lanname
