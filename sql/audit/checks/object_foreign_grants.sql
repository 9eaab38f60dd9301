-- Looks for: privileges of requests, auditors and PUBLIC on foreign servers and foreign-data wrappers.
-- Why: a foreign server can lead to this database again, as another role.
-- Severity: FAIL for a foreign-data wrapper, for a server that may lead to this database, and for a server that PUBLIC or a login
--   of requests has a user mapping for. NOTE for a server that leads elsewhere, as far as its options tell.
-- Fix: revoke usage on foreign server ... from ...;
-- Controls: SOC 2 CC6.3
select 'RK-812', case when x.harmless then 'NOTE' else 'FAIL' end, 'objects',
       format('%s may use foreign %s %s', coalesce(r.name, 'public'), x.kind, x.name),
       case when x.harmless then 'it leads to another database, and requests have no user mapping'
            when x.leads = 'elsewhere' then 'it leads to another database as the login of a user mapping'
            else 'it can lead to this database again, as another role' end,
       format('revoke usage on foreign %s %s from %s;', x.kind, x.name, coalesce(r.name, 'public')), x.owner
  from (select 'server' as kind, name, owner, acl, leads, leads = 'elsewhere' and not others as harmless from foreign_servers
         union all
        select 'data wrapper', quote_ident(fdwname), fdwowner, fdwacl, null, false from pg_foreign_data_wrapper) x
 cross join aclexplode(x.acl) a
  left join roles r on r.oid = a.grantee
 where a.grantee <> x.owner
   and (a.grantee = 0 or a.grantee in (select oid from serving_roles))
