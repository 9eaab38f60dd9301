-- What the DBA has accepted. `holds`: it has not expired.
accepted (id, subject, why, who, until, holds) as materialized (
    select a.id, a.subject, a.why, a.who, a.until, coalesce(a.until >= (now() at time zone 'UTC')::date, true)
      from optional_rows o
     cross join jsonb_to_recordset(o.rows) a (id text, subject text, why text, who text, until date)
     where o.name = 'app.accepted()'
       and not exists (select from accepted_table t where t.problem is not null)
),

-- The table, and why it does not count, if it does not. `is_open`: a role that writes it could accept what it has done.
accepted_table (problem, is_open) as (
    select case when x.is_open then 'another role than rowkeep_owner can write it, so nothing in it counts'
                when not exists (select from optional_sources s where s.name = 'app.accepted()' and s.may_read)
                then 'not looked at: this login cannot read it (app.accepted())' end,
           x.is_open
      from pg_class c
      join pg_namespace n on n.oid = c.relnamespace and n.nspname = 'rowkeep'
      join pg_roles o on o.oid = c.relowner
     cross join lateral (
           select c.relkind <> 'r' or o.rolname <> 'rowkeep_owner'
                  or exists (select from aclexplode(c.relacl) a
                              where a.grantee <> c.relowner and a.privilege_type <> 'SELECT')
                  or exists (select from pg_attribute t cross join aclexplode(t.attacl) a
                              where t.attrelid = c.oid and a.grantee <> c.relowner and a.privilege_type <> 'SELECT')) x (is_open)
     where c.relname = 'accepted'
)
