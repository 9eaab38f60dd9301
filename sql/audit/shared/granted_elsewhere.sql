-- Privileges of requests, auditors and PUBLIC on tables and views outside app and rowkeep, other than those of extensions.
granted_elsewhere (name, owner, receiver, ours, privilege) as (
    select format('%I.%I', e.nspname, c.relname), c.relowner, coalesce(r.name, 'public'), coalesce(r.ours, false),
           lower(a.privilege_type)
      from pg_class c
      join other_schemas e on e.oid = c.relnamespace
     cross join lateral (
           select grantee, privilege_type from aclexplode(c.relacl)
            union
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
)
