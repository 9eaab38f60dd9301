-- Looks for: privileges of requests, auditors and PUBLIC on tables and views outside app and rowkeep.
-- Why: a copy of users' rows can be there, and no policy of app binds it.
-- Severity: FAIL for the roles of Rowkeep. NOTE for PUBLIC and for a login of requests, because other applications may
--   need it.
-- Fix: revoke all on ... from ...;
-- Controls: CIS 4.6; SOC 2 CC6.3
select 'RK-505', case when r.ours then 'FAIL' else 'NOTE' end, 'grants',
       format('%s on %I.%I to %s', string_agg(distinct lower(a.privilege_type), ', '
              order by lower(a.privilege_type)), e.nspname, c.relname, coalesce(r.name, 'public')),
       'no policy of app applies to it',
       format('revoke all on %I.%I from %s;', e.nspname, c.relname, coalesce(r.name, 'public')), c.relowner
  from pg_class c
  join other_schemas e on e.oid = c.relnamespace
 cross join lateral (
       select grantee, privilege_type from aclexplode(c.relacl)
       union all
       select x.grantee, x.privilege_type
         from pg_attribute t cross join aclexplode(t.attacl) x
        where t.attrelid = c.oid) a
  left join roles r on r.oid = a.grantee
 where c.relkind in ('r', 'p', 'v', 'm', 'f')
   and (a.grantee = 0 or a.grantee in (select oid from serving_roles))
   and a.grantee <> c.relowner
   and not exists (select
                     from extension_members x
                    where x.classid = 'pg_class'::regclass and x.objid = c.oid and x.extname <> 'plpgsql')
 group by e.nspname, c.relname, c.relowner, r.ours, r.name
