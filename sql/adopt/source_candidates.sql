-- Tables and views that could be meant by a name that does not exist: those with a column `title`.
select format('%I.%I', n.nspname, c.relname) as name
  from pg_class c
  join pg_namespace n on n.oid = c.relnamespace
 where c.relkind in ('r', 'p', 'v', 'm', 'f')
   and not c.relispartition
   and n.nspname not in ('pg_catalog', 'information_schema', 'app')
   and exists (select
                 from pg_attribute a
                where a.attrelid = c.oid
                  and a.attname = 'title'
                  and not a.attisdropped)
 order by 1
 limit 10
