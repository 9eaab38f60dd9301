-- Looks for: tables, views and sequences in app that are not Rowkeep's, and on which requests have no privilege. And types, and
--   functions of another program. Copies of the tasks, and functions that reach the rows of all users, have lines of their own.
-- Why: a program whose login is called app puts its tables there, because PostgreSQL looks for a schema of the login's name
--   first. Requests cannot reach them, and nothing of Rowkeep protects them.
-- Severity: NOTE, in one line. A table with a privilege of requests has lines of its own.
-- Fix: alter ... set schema ...; by hand, because the other program must find it there.
-- Controls: SOC 2 CC6.1
select 'RK-815', 'NOTE', 'objects',
       format('objects in app that are not of Rowkeep (%s): %s%s', s.number, array_to_string(s.names[1:10], ', '),
              case when s.number > 10 then format(' and %s more (%s)', s.number - 10,
                                                  left(md5(array_to_string(s.names, ',')), 8)) else '' end),
       case when s.callable then 'requests have no privilege on its tables, and may call its functions' else 'requests have no privilege on them' end,
       format('by hand: move them to a schema of their own (%s)', s.moves), null
  from (select count(*) as number, array_agg(o.name order by o.name collate "C") as names, bool_or(o.callable) as callable,
               string_agg(distinct format('alter %s ... set schema ...', o.kind), ', ') as moves
          from (select r.name, false as callable,
                       case r.relkind when 'S' then 'sequence' when 'v' then 'view' when 'm' then 'materialized view'
                                      when 'f' then 'foreign table' else 'table' end as kind
                  from strangers r
                 -- Not the sequence of a column.
                 where (r.relkind <> 'S'
                        or not exists (select from pg_depend d
                                        where d.classid = 'pg_class'::regclass and d.objid = r.oid and d.deptype in ('a', 'i')))
                   and r.oid not in (select oid from copies)
                 union all
                select 'function ' || f.oid::regprocedure,
                       p.prorettype not in ('trigger'::regtype, 'event_trigger'::regtype)
                       and has_function_privilege(to_regrole('rowkeep_api'), f.oid, 'EXECUTE'), 'function'
                  from strange_functions f
                  join pg_proc p on p.oid = f.oid
                 where f.oid not in (select oid from definers)
                 union all
                select format('type %I.%I', s.nspname, y.typname), false, 'type'
                  from pg_type y
                  join schemas s on s.oid = y.typnamespace and s.nspname = 'app'
                 where y.typelem = 0
                   and y.typtype in ('e', 'd', 'r', 'c', 'b')
                   and not exists (select from pg_class c where c.oid = y.typrelid and c.relkind <> 'c')
                   and not exists (select from extension_members x
                                    where x.classid = 'pg_type'::regclass and x.objid = y.oid)) o) s
 where s.number > 0
