-- Every privilege of roles other than the owner. `wanted` are those that policies/ grants.
granted as (
    select p.kind, p.nspname, p.name, p.part, p.target, lower(p.privilege_type) as privilege, p.is_grantable, p.grantee, p.owner,
           coalesce(r.name, 'public') as receiver,
           -- PUBLIC is no role, and policies/ grants it nothing.
           r.oid is not null
           and not p.is_grantable
           and case p.kind
               when 'schema' then p.privilege_type = 'USAGE'
                              and (r.rolname = 'rowkeep_auditor' or r.rolname = 'rowkeep_api' and p.nspname = 'app')
               when 'table' then p.nspname = 'app' and r.rolname = 'rowkeep_api'
                             and p.privilege_type in ('SELECT', 'DELETE')
                             and exists (select from tables t where t.oid = p.object)
                              -- The history, but not the keys.
                              or p.name in ('rowkeep.migrations', 'rowkeep.policies') and r.rolname = 'rowkeep_auditor'
                             and p.privilege_type = 'SELECT'
               -- Not the key and the time stamps: a role that writes them can find out, or change, who owns a row.
               when 'column' then p.nspname = 'app' and r.rolname = 'rowkeep_api'
                              and p.privilege_type in ('INSERT', 'UPDATE')
                              and p.part not in ('user_id', 'created_at', 'updated_at')
                              and exists (select from tables t where t.oid = p.object)
                              and not exists (select
                                                from pg_index i
                                                join pg_attribute t on t.attrelid = i.indrelid and t.attnum = any (i.indkey)
                                               where i.indrelid = p.object and i.indisprimary and t.attname = p.part)
               when 'function' then p.nspname = 'app'
                                and (r.rolname = 'rowkeep_api'
                                     and exists (select from pg_proc f
                                                  where f.oid = p.object and f.prorettype <> 'trigger'::regtype)
                                     or r.rolname = 'rowkeep_auditor' and p.part = 'schema_version')
               else false end as wanted
      from privileges p
      left join roles r on r.oid = p.grantee
     where p.grantee <> p.owner
)
