-- The schemas that belong neither to Rowkeep nor to PostgreSQL.
other_schemas as (
    select oid, nspname
      from pg_namespace
     where nspname not in ('app', 'rowkeep', 'information_schema')
       and nspname !~ '^pg_'
)
