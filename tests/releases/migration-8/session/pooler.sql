-- Describes the server behind a connection, to compare it with what the other side of the connection says. Everything is
-- named in full: the login can have a search path of its own.
--   process_id   the backend; a connection pooler tells its client another number
--   host, port   where Postgres listens, as its client sees it; null for a Unix socket
select pg_catalog.pg_backend_pid()                    as process_id,
       pg_catalog.host(pg_catalog.inet_server_addr()) as host,
       pg_catalog.inet_server_port()                  as port
