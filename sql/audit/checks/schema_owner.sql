-- Looks for: the schemas app and rowkeep, and their owner.
-- Why: the owner of a schema can drop and replace what is in it.
-- Severity: FAIL if a schema is missing or belongs to another role than rowkeep_owner. OK otherwise.
-- Fix: alter schema ... owner to rowkeep_owner; or `rowkeep migrate`.
select 30, case when s.oid is null or r.rolname <> 'rowkeep_owner' then 'FAIL' else 'OK' end, 'schema',
       case when s.oid is null then format('%s does not exist', n.name)
            else format('%s, owned by %s: %s', n.name, r.name, n.says) end,
       case when s.oid is null then 'rowkeep migrate'
            when r.rolname <> 'rowkeep_owner' then format('alter schema %s owner to rowkeep_owner;', n.name) end
  from (values ('app', 'the tables and functions of requests'), ('rowkeep', 'the migration history, the key of cursors and the lock of migrations')) n (name, says)
  left join schemas s on s.nspname = n.name
  left join roles r on r.oid = s.nspowner
