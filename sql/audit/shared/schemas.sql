-- The schemas of Rowkeep.
schemas as (
    select oid, nspname, nspowner, nspacl from pg_namespace where nspname in ('app', 'rowkeep')
)
