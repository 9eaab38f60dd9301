-- Describes a new connection. Everything is named in full: the login can have a search path of its own.
--   process_id      the backend; a connection pooler tells its client another number
--   backend_start   identifies the backend together with process_id, which can be used again
--   the others      the time limits of the login, in milliseconds; 0: no limit
select pg_catalog.pg_backend_pid() as process_id,
       (select extract(epoch from backend_start)::text
          from pg_catalog.pg_stat_get_activity(pg_catalog.pg_backend_pid())) as backend_start,
       (select reset_val
          from pg_catalog.pg_settings
         where name operator(pg_catalog.=) 'statement_timeout') as statement_timeout,
       (select reset_val
          from pg_catalog.pg_settings
         where name operator(pg_catalog.=) 'lock_timeout') as lock_timeout,
       (select reset_val
          from pg_catalog.pg_settings
         where name operator(pg_catalog.=) 'idle_in_transaction_session_timeout') as idle_timeout
