-- Empties the search path of a new connection, whatever is stored for its login. Otherwise an operator in another schema
-- could be found before PostgreSQL's own, and see the values that it is called with.
select pg_catalog.set_config('search_path', '', false)
