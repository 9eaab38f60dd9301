-- Everything of the schemas of Rowkeep that has columns: tables, views, indexes, sequences.
relations as (
    select c.oid, s.nspname, c.relname, format('%I.%I', s.nspname, c.relname) as name, c.relkind, c.relowner, c.relacl,
           c.relrowsecurity, c.relforcerowsecurity
      from pg_class c
      join schemas s on s.oid = c.relnamespace
)
