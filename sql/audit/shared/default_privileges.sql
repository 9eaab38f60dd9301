-- Default privileges: what will be granted on future objects. `ours` are those for objects in app or rowkeep.
-- `creates`: the owner may make objects in app or rowkeep, other than what Rowkeep makes as rowkeep_owner.
default_privileges as (
    select d.oid, o.name, o.oid as owner, n.nspname, coalesce(r.name, 'public') as receiver, lower(a.privilege_type) || case when a.is_grantable then ' with grant option' else '' end as privilege,
           coalesce(n.nspname in ('app', 'rowkeep'), o.rolname = 'rowkeep_owner') as ours,
           d.defaclobjtype in ('r', 'S', 'f') and exists (select from schemas s where has_schema_privilege(o.oid, s.oid, 'CREATE')) as creates,
           case d.defaclobjtype when 'r' then 'tables' when 'S' then 'sequences' when 'f' then 'functions'
                                when 'L' then 'large objects' else 'schemas' end as what
      from pg_default_acl d
      join roles o on o.oid = d.defaclrole
     cross join aclexplode(d.defaclacl) a
      left join pg_namespace n on n.oid = d.defaclnamespace
      left join roles r on r.oid = a.grantee
     where a.grantee <> d.defaclrole
       -- PUBLIC may use every type by default, and a type holds no data.
       and d.defaclobjtype <> 'T'
       -- So it may execute every function. A row for all schemas has that, too.
       and not (n.oid is null and d.defaclobjtype = 'f' and a.grantee = 0)
       and (n.nspname in ('app', 'rowkeep') or n.oid is null)
)
