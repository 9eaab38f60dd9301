-- Privileges that no role should have, on every schema, table, column and sequence of app and rowkeep.
--   damage    the statements that a superuser runs
--   notices   the facts that the audit must report then
--   by_hand   whether a fix is left to a person
with relations as (
    select c.oid, n.nspname, c.relkind, c.relowner, c.relacl, format('%I.%I', n.nspname, c.relname) as name
      from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where n.nspname in ('app', 'rowkeep') and c.relkind in ('r', 'p', 'S')
),

receivers (name, oid) as (
    select 'public', 0::oid
    union all
    select rolname, oid from pg_roles where rolname in ('rowkeep_api', 'rowkeep_auditor', 'other_role')
),

privileges (relkind, privilege) as (values
    ('r', 'select'), ('r', 'insert'), ('r', 'update'), ('r', 'delete'), ('r', 'truncate'), ('r', 'references'), ('r', 'trigger'),
    ('S', 'usage'), ('S', 'select'), ('S', 'update')
),

held as (
    select r.oid, a.grantee, lower(a.privilege_type) as privilege from relations r cross join aclexplode(r.relacl) a
),

mutants (rank, damage, notices, by_hand) as (
    select 1, format('grant %s on %s%s to %s', p.privilege, case r.relkind when 'S' then 'sequence ' else '' end, r.name, g.name),
           -- Policies bind another role, but not these privileges.
           array[format('%s grants %s on %s to %s',
                        case when g.name = 'other_role' and p.privilege not in ('truncate', 'references', 'trigger') then 'NOTE'
                             else 'FAIL' end, p.privilege, r.name, g.name)], false
      from relations r
      join privileges p on p.relkind = replace(r.relkind::text, 'p', 'r')
     cross join receivers g
     where not exists (select from held h where h.oid = r.oid and h.grantee = g.oid and h.privilege = p.privilege)
       -- One of each kind is enough for a table without rows of users.
       and (r.nspname = 'app' or g.name in ('rowkeep_api', 'rowkeep_auditor') and p.privilege in ('select', 'insert', 'delete'))
       and (r.relkind <> 'S' or r.nspname = 'app' and g.name in ('rowkeep_api', 'public'))
    union all
    select 2, format('grant all on %s to %s', r.name, g.name),
           array[format('FAIL grants truncate on %s to %s: empties the table', r.name, g.name),
                 format('FAIL grants references on %s to %s: shows whether', r.name, g.name),
                 format('FAIL grants trigger on %s to %s: runs its own code', r.name, g.name),
                 case g.name when 'rowkeep_api' then format('FAIL grants insert on %s to %s', r.name, g.name) end,
                 case g.name when 'rowkeep_api' then format('FAIL grants update on %s to %s', r.name, g.name) end], false
      from relations r cross join receivers g
     where r.nspname = 'app' and r.relkind <> 'S' and g.name in ('rowkeep_api', 'other_role')
    union all
    select 3, format('grant %s on %s to %s with grant option', h.privilege, r.name, g.name),
           array[format('FAIL grants %s on %s to %s, with grant option', h.privilege, r.name, g.name)], false
      from held h
      join relations r on r.oid = h.oid
      join receivers g on g.oid = h.grantee
    union all
    select 4, format('revoke %s on %s from %s', h.privilege, r.name, g.name),
           array[format('FAIL drift grant of %s on table %s to %s is declared, but does not exist', h.privilege, r.name, g.name)], false
      from held h
      join relations r on r.oid = h.oid
      join receivers g on g.oid = h.grantee
     where r.nspname = 'app'
    union all
    select 5, format('grant %s (%I) on %s to %s', p.privilege, a.attname, r.name, g.name),
           array[format('FAIL grants %s on %s.%I to %s', p.privilege, r.name, a.attname, g.name)], false
      from relations r
      join pg_attribute a on a.attrelid = r.oid and a.attnum > 0 and not a.attisdropped
     cross join (values ('insert', 'rowkeep_api'), ('update', 'rowkeep_api'), ('references', 'rowkeep_api'),
                        ('select', 'rowkeep_auditor'), ('select', 'public')) v (privilege, receiver)
      join receivers g on g.name = v.receiver
      join privileges p on p.privilege = v.privilege and p.relkind = 'r'
     where r.relkind <> 'S'
       and not exists (select from aclexplode(a.attacl) x
                        where x.grantee = g.oid and lower(x.privilege_type) = v.privilege)
       -- To read one column of a row is to read the row.
       and (r.nspname = 'app' and (v.privilege in ('insert', 'update') or a.attname in ('id', 'user_id', 'created_at'))
            or r.nspname = 'rowkeep' and g.name = 'rowkeep_auditor')
    union all
    select 6, format('grant select (%s) on %s to other_role', c.name, r.name),
           array[format('NOTE grants select on %s.%s to other_role', r.name, c.name)], false
      from relations r cross join (values ('xmin'), ('ctid')) c (name)
     where r.nspname = 'app' and r.relkind <> 'S'
    union all
    select 7, format('grant %s (%I) on %s to rowkeep_api with grant option', lower(x.privilege_type), a.attname, r.name),
           array[format('FAIL grants %s on %s.%I to rowkeep_api, with grant option', lower(x.privilege_type), r.name, a.attname)],
           false
      from relations r
      join pg_attribute a on a.attrelid = r.oid
     cross join aclexplode(a.attacl) x
    union all
    select 8, format('grant %s on schema %I to %s', p.privilege, n.nspname, g.name),
           -- With USAGE alone another role sees nothing.
           array[format('%s schema %I: %s to %s', case when g.name = 'other_role' and p.privilege = 'usage' then 'OK' else 'FAIL' end,
                        n.nspname, p.privilege, g.name)], false
      from pg_namespace n
     cross join (values ('usage'), ('create')) p (privilege)
     cross join receivers g
     where n.nspname in ('app', 'rowkeep')
       and not exists (select from aclexplode(n.nspacl) x where x.grantee = g.oid and lower(x.privilege_type) = p.privilege)
    union all
    select 9, format('alter schema %I owner to other_role', n.nspname),
           array[format('FAIL schema %I is owned by other_role', n.nspname),
                 format('FAIL drift schema %I is not as declared', n.nspname)], false
      from pg_namespace n where n.nspname in ('app', 'rowkeep')
)

select damage, notices, by_hand
  from mutants
 order by rank, damage
