-- Describes a new connection. Everything is named in full: the login can have a search path of its own.
--   process_id      the backend; a connection pooler tells its client another number
--   opened_at       the server's time, in seconds since 1970: a backend that starts later with the same process id is
--                   another one
--   the others      the time limits of the login, in milliseconds; 0: no limit
select pg_catalog.pg_backend_pid() as process_id,
       extract(epoch from pg_catalog.clock_timestamp())::text as opened_at,
       (select reset_val
          from pg_catalog.pg_settings
         where name operator(pg_catalog.=) 'statement_timeout') as statement_timeout,
       (select reset_val
          from pg_catalog.pg_settings
         where name operator(pg_catalog.=) 'lock_timeout') as lock_timeout,
       (select reset_val
          from pg_catalog.pg_settings
         where name operator(pg_catalog.=) 'idle_in_transaction_session_timeout') as idle_timeout
