-- Looks for: roles that serve requests, and PUBLIC, with the privilege to create schemas in the database.
-- Why: a schema of their own can hold functions and operators that others call by mistake.
-- Severity: FAIL for PUBLIC and the roles of Rowkeep, which must own nothing. NOTE for a login of requests, because the
--   server runs with an empty search path.
-- Fix: revoke create on database ... from ...;
-- Controls: CIS 4.3; SOC 2 CC6.3
select 'RK-107', case when a.grantee = 0 or r.ours then 'FAIL' else 'NOTE' end, 'database',
       format('%s may create schemas in %I', coalesce(r.name, 'public'), d.datname),
       '', format('revoke create on database %I from %s;', d.datname, coalesce(r.name, 'public')), d.datdba
  from pg_database d
 cross join aclexplode(d.datacl) a
  left join roles r on r.oid = a.grantee
 where d.datname = current_database()
   and a.privilege_type = 'CREATE'
   and (a.grantee = 0 or a.grantee in (select oid from serving_roles))
   and a.grantee <> d.datdba
