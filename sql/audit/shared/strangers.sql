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
),

-- The names of Rowkeep's functions, but those of triggers. sql/audit/catalogue.sql has them as well.
named_functions (name) as (values ('current_user_id'), ('identify'), ('schema_version'), ('cursor_key'), ('accepted')),

-- The functions of app that are not Rowkeep's: those of another program. Not those with a name of Rowkeep's, or of a trigger of a
-- table of Rowkeep, or of a superuser if they can be called: those are checked like Rowkeep's own. sql/audit/catalogue.sql
-- leaves the same ones out.
strange_functions as (
    select f.oid
      from pg_proc f
      join schemas s on s.oid = f.pronamespace and s.nspname = 'app'
      join roles o on o.oid = f.proowner and not o.ours
                  and (not o.rolsuper or f.prorettype = 'trigger'::regtype)
     where f.proname not in (select name from named_functions)
       and not exists (select from tables t where f.proname = t.relname || '_touch')
       and not exists (select from pg_trigger g join tables t on t.oid = g.tgrelid where g.tgfoid = f.oid)
       and not exists (select from extension_members x where x.classid = 'pg_proc'::regclass and x.objid = f.oid)
)
