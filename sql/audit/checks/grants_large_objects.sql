-- Looks for: large objects that requests, auditors or PUBLIC may read or change, and the setting that lets everybody.
-- Why: a copy of users' rows can be there, and no policy applies to large objects.
-- Severity: FAIL for the roles of Rowkeep. NOTE for PUBLIC, for a login of requests and for the setting, because other
--   applications may need it.
-- Fix: revoke all on large object ... from ...; alter system reset lo_compat_privileges;
-- Controls: SOC 2 CC6.3
select 'RK-506', case when r.ours then 'FAIL' else 'NOTE' end, 'grants',
       format('%s on large object %s to %s',
              string_agg(distinct lower(a.privilege_type), ', ' order by lower(a.privilege_type)), m.oid,
              coalesce(r.name, 'public')),
       'no policy of app applies to it',
       format('revoke all on large object %s from %s;', m.oid, coalesce(r.name, 'public')), m.lomowner
  from pg_largeobject_metadata m
 cross join aclexplode(m.lomacl) a
  left join roles r on r.oid = a.grantee
 where (a.grantee = 0 or a.grantee in (select oid from serving_roles))
   and a.grantee <> m.lomowner
 group by m.oid, m.lomowner, r.ours, r.name
union all
select 'RK-506', 'NOTE', 'grants', 'lo_compat_privileges is on', 'every role may read and change every large object',
       'alter system reset lo_compat_privileges; select pg_reload_conf();', 0
 where current_setting('lo_compat_privileges')::boolean
