-- Looks for: privileges of requests, auditors and PUBLIC on foreign servers and foreign-data wrappers.
-- Why: a foreign server can lead to this database again, as another role.
-- Severity: FAIL. Requests need no foreign server.
-- Fix: revoke usage on foreign server ... from ...;
-- Controls: SOC 2 CC6.3
select 'RK-812', 'FAIL', 'objects',
       format('%s may use foreign %s %I', coalesce(r.name, 'public'), x.kind, x.name), 'it can lead to this database again, as another role',
       format('revoke usage on foreign %s %I from %s;', x.kind, x.name, coalesce(r.name, 'public')), x.owner
  from (select 'server' as kind, srvname as name, srvowner as owner, srvacl as acl from pg_foreign_server
         union all
        select 'data wrapper', fdwname, fdwowner, fdwacl from pg_foreign_data_wrapper) x
 cross join aclexplode(x.acl) a
  left join roles r on r.oid = a.grantee
 where a.grantee <> x.owner
   and (a.grantee = 0 or a.grantee in (select oid from serving_roles))
