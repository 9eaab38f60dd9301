-- The tables, views and sequences of app that are not Rowkeep's: those of another program or of a person, which requests
-- cannot reach. A view that reads a table of Rowkeep is none of them.
strangers as (
    select r.*
      from relations r
     where r.nspname = 'app'
       and r.relkind in ('r', 'p', 'f', 'v', 'm', 'S')
       and r.oid not in (select oid from tables)
       and r.oid not in (select oid from views)
       -- The sequence of a column of a table of Rowkeep.
       and not exists (select
                         from pg_depend d
                         join tables t on t.oid = d.refobjid
                        where d.classid = 'pg_class'::regclass and d.objid = r.oid and d.deptype in ('a', 'i'))
       and r.oid not in (select oid from reachable)
)
