-- Looks for: the schemas app and rowkeep, and their owner.
-- Why: the owner of a schema can drop and replace what is in it.
-- Severity: FAIL if a schema is missing or belongs to another role than rowkeep_owner. OK otherwise.
-- Fix: alter schema ... owner to rowkeep_owner; or `rowkeep migrate`. A database of its own if app is of another program.
-- Controls: SOC 2 CC6.3
select 'RK-211', case when s.oid is null or r.rolname <> 'rowkeep_owner' then 'FAIL' else 'OK' end, 'schema',
       n.name || case when r.rolname <> 'rowkeep_owner' then ' is owned by ' || r.name else '' end,
       case when s.oid is null then 'does not exist'
            when r.rolname <> 'rowkeep_owner' then 'its owner can replace what is in it'
            else format('owned by %s; %s', r.name, n.says) end,
       case when s.oid is null then 'rowkeep migrate'
            when n.name = 'app' and r.rolname <> 'rowkeep_owner'
                 and not exists (select from pg_proc f
                                  where f.pronamespace = s.oid and f.proname in ('current_user_id', 'identify', 'schema_version'))
            then 'by hand: if it is of another program, give Rowkeep a database of its own'
            when r.rolname <> 'rowkeep_owner' then format('alter schema %s owner to rowkeep_owner;', n.name) end,
       g.fixer
  from (values ('app', 'the tables and functions of requests'), ('rowkeep', 'the migration history, the key of cursors and the lock of migrations')) n (name, says)
  left join schemas s on s.nspname = n.name
  left join roles r on r.oid = s.nspowner
  left join givers g on g.owner = s.nspowner
