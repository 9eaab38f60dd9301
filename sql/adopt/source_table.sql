-- Finds a table or a view by its name, with the login's search path, as psql does. Null: there is none.
--   $1 name, with quotes where SQL needs them
select pg_catalog.to_regclass($1)::pg_catalog.oid as relation
