-- No schema on the path of a new connection, whatever is stored for its login: an operator of somebody else's could be
-- found before PostgreSQL's own, and see what it is called with.
select pg_catalog.set_config('search_path', '', false)
