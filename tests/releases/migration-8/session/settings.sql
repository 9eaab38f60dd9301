-- The settings of requests, whatever is stored for the login. They hold for the session, or for the transaction if other
-- programs can get the connection after it.
--   search_path       empty: otherwise an operator in another schema could be found before PostgreSQL's own, and see the
--                     values that it is called with
--   plan_cache_mode   plans each statement once, without looking at the user. Planning again for each request would cost
--                     more than most requests.
--   enable_seqscan    statistics can be older than a user. Beside a user who owns almost the whole table, they would make
--                     Postgres read the table from end to end for the new user.
--   work_mem          holds the sort of the longest page after the largest offset, which would go to disk otherwise
--   time limits       without a limit in Postgres, a statement could take effect after its client was told that there is
--                     no answer
--   $1 true: for this transaction only   $2 statement_timeout   $3 lock_timeout
--   $4 idle_in_transaction_session_timeout, all in milliseconds as text
select pg_catalog.set_config('search_path', '', $1),
       pg_catalog.set_config('plan_cache_mode', 'force_generic_plan', $1),
       pg_catalog.set_config('enable_seqscan', 'off', $1),
       pg_catalog.set_config('max_parallel_workers_per_gather', '0', $1),
       pg_catalog.set_config('work_mem', '32MB', $1),
       pg_catalog.set_config('statement_timeout', $2, $1),
       pg_catalog.set_config('lock_timeout', $3, $1),
       pg_catalog.set_config('idle_in_transaction_session_timeout', $4, $1)
