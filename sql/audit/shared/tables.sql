-- The tables of Rowkeep that requests use: app.tasks, and every other table of app that rowkeep_owner owns, or whose user_id has
-- the default app.current_user_id(), if requests can reach it.
tables as (
    select r.*
      from relations r
     where r.nspname = 'app'
       and r.relkind in ('r', 'p', 'f')
       and (r.relname = 'tasks'
            or (r.relowner = to_regrole('rowkeep_owner')
                or exists (select
                             from pg_attribute a
                             join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
                            where a.attrelid = r.oid and a.attname = 'user_id'
                              and pg_get_expr(d.adbin, d.adrelid) = 'app.current_user_id()'))
               and exists (select from reachable e where e.oid = r.oid))
)
