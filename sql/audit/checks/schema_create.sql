-- Looks for: roles that serve requests, and PUBLIC, with the privilege to create objects in another schema.
-- Why: such an object can have the name of an object that a statement means.
-- Severity: NOTE. The statements of Rowkeep name every object with its schema.
-- Fix: revoke create on schema ... from ...;
-- Controls: SOC 2 CC6.3
select 'RK-213', 'NOTE', 'schema',
       format('%s may create objects in %s', coalesce(r.name, 'public'), quote_ident(n.nspname)),
       'requests use no object of this schema',
       format('revoke create on schema %I from %s;', n.nspname, coalesce(r.name, 'public')), n.nspowner
  from pg_namespace n
  join other_schemas e on e.oid = n.oid
 cross join aclexplode(n.nspacl) a
  left join roles r on r.oid = a.grantee
 where a.privilege_type = 'CREATE'
   and (a.grantee = 0 or a.grantee in (select oid from serving_roles))
   and a.grantee <> n.nspowner
