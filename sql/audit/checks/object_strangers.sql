-- Looks for: tables, views and sequences in app that are not Rowkeep's, and on which requests have no privilege. And types.
-- Why: a program whose login is called app puts its tables there, because PostgreSQL looks for a schema of the login's name
--   first. Requests cannot reach them, and nothing of Rowkeep protects them.
-- Severity: NOTE, in one line. A table with a privilege of requests has lines of its own.
-- Fix: alter ... set schema ...; by hand, because the other program must find it there.
-- Controls: SOC 2 CC6.1
select 'RK-815', 'NOTE', 'objects',
       format('objects in app that are not of Rowkeep (%s): %s%s', s.number, array_to_string(s.names[1:10], ', '),
              case when s.number > 10 then format(' and %s more (%s)', s.number - 10,
                                                  left(md5(array_to_string(s.names, ',')), 8)) else '' end),
       'requests have no privilege on them',
       format('by hand: move them to a schema of their own (%s)', s.moves), null
  from (select count(*) as number, array_agg(o.name order by o.name collate "C") as names,
               string_agg(distinct format('alter %s ... set schema ...', o.kind), ', ') as moves
          from (select r.name, case r.relkind when 'S' then 'sequence' when 'v' then 'view' when 'm' then 'materialized view'
                                              when 'f' then 'foreign table' else 'table' end as kind
                  from strangers r
                 -- Not the sequence of a column.
                 where r.relkind <> 'S'
                    or not exists (select from pg_depend d
                                    where d.classid = 'pg_class'::regclass and d.objid = r.oid and d.deptype in ('a', 'i'))
                 union all
                select format('type %I.%I', s.nspname, y.typname), 'type'
                  from pg_type y
                  join schemas s on s.oid = y.typnamespace and s.nspname = 'app'
                 where y.typelem = 0
                   and y.typtype in ('e', 'd', 'r', 'c', 'b')
                   and not exists (select from pg_class c where c.oid = y.typrelid and c.relkind <> 'c')
                   and not exists (select from extension_members x
                                    where x.classid = 'pg_type'::regclass and x.objid = y.oid)) o) s
 where s.number > 0
