-- The role whose privileges tell pgaudit what to log (pgaudit.role), if nobody acts as it: it cannot log in, and only roles
-- that own the tables are members. policies/00_reset.sql leaves the privileges of pgaudit.role.
pgaudit_roles (oid) as (
    select r.oid
      from roles r
     where r.rolname in (select current_setting('pgaudit.role', true)
                          union
                         select s.value from stored_settings s where s.name = 'pgaudit.role')
       and not (r.ours or r.rolcanlogin or r.rolsuper or r.rolbypassrls)
       and not exists (select
                         from memberships m
                        where m.roleid = r.oid
                          and not exists (select from tables t where pg_has_role(m.member, t.relowner, 'MEMBER')))
),

-- Every privilege of roles other than the owner, but not on objects of other programs. wanted: policies/ grants it. verdict:
-- FAIL for PUBLIC, the roles of Rowkeep and those of requests, and for what no policy binds. Another role may have it: it is
-- less than to own the table, or to have BYPASSRLS.
granted as (
    select g.*,
           case when g.wanted then 'OK'
                when g.grantee in (select oid from pgaudit_roles) and g.kind in ('table', 'column') then 'OK'
                when g.grantee = 0 or g.ours or g.grantee in (select oid from serving_roles) then 'FAIL'
                when pg_has_role(g.grantee, g.owner, 'MEMBER') then 'NOTE'
                when g.privilege in ('create', 'truncate', 'references', 'trigger') then 'FAIL'
                when g.kind = 'schema' and not g.is_grantable then 'OK'
                else 'NOTE' end as verdict
      from (
    select p.kind, p.nspname, p.name, p.part, p.target, lower(p.privilege_type) as privilege, p.is_grantable, p.grantee,
           p.grantor, p.owner, coalesce(r.name, 'public') as receiver, coalesce(r.ours, false) as ours,
           -- PUBLIC is no role, and policies/ grants it nothing.
           r.oid is not null
           and not p.is_grantable
           and case p.kind
               when 'schema' then p.privilege_type = 'USAGE'
                              and (r.rolname = 'rowkeep_auditor' or r.rolname = 'rowkeep_api' and p.nspname = 'app')
               when 'table' then p.nspname = 'app' and r.rolname = 'rowkeep_api'
                             and p.privilege_type in ('SELECT', 'DELETE')
                             and exists (select from tables t where t.oid = p.object)
                              -- The history and what is accepted, but not the keys.
                              or p.name in ('rowkeep.migrations', 'rowkeep.policies', 'rowkeep.accepted') and r.rolname = 'rowkeep_auditor'
                             and p.privilege_type = 'SELECT'
               -- Not the key and the time stamps: a role that writes them can find out, or change, who owns a row.
               when 'column' then p.nspname = 'app' and r.rolname = 'rowkeep_api'
                              and p.privilege_type in ('INSERT', 'UPDATE')
                              -- Citus names every column in the statement for a shard.
                              and (p.target = 'app.tasks' and p.part in ('id', 'user_id') and p.privilege_type = 'INSERT'
                                   and (select is_distributed from distribution)
                              or p.part not in ('user_id', 'created_at', 'updated_at')
                              and exists (select from tables t where t.oid = p.object)
                              and not exists (select
                                                from pg_index i
                                                join pg_attribute t on t.attrelid = i.indrelid and t.attnum = any (i.indkey)
                                               where i.indrelid = p.object and i.indisprimary and t.attname = p.part))
               when 'function' then p.nspname = 'app'
                                and (r.rolname = 'rowkeep_api'
                                     and exists (select from pg_proc f
                                                  where f.oid = p.object and f.prorettype <> 'trigger'::regtype)
                                     or r.rolname = 'rowkeep_auditor' and p.part in ('schema_version', 'accepted'))
               else false end as wanted
      from privileges p
      left join roles r on r.oid = p.grantee
     where p.grantee <> p.owner
       and not (p.kind in ('table', 'sequence', 'column') and p.object in (select oid from strangers))
       and not (p.kind = 'function' and p.object in (select oid from strange_functions))) g
)
