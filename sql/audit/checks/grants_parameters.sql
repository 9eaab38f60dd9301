-- Looks for: privileges on server settings, for requests, auditors and PUBLIC.
-- Why: with SET on a setting of superusers, such as session_replication_role, a role can switch off triggers.
-- Severity: FAIL. Requests need no such setting.
-- Fix: revoke ... on parameter ... from ...;
-- Controls: CIS 6.5; SOC 2 CC6.3
select 'RK-508', 'FAIL', 'grants',
       format('%s on parameter %s to %s', lower(a.privilege_type), p.parname, coalesce(r.name, 'public')),
       'requests need no such setting',
       format('revoke %s on parameter %s from %s;', lower(a.privilege_type), p.parname, coalesce(r.name, 'public')), 0
  from pg_parameter_acl p
 cross join aclexplode(p.paracl) a
  left join roles r on r.oid = a.grantee
 where a.grantee = 0 or a.grantee in (select oid from serving_roles)
