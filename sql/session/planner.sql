-- Sets how a new connection plans, whatever is stored for its login: one plan for all users, by an index that begins with
-- the user. Planning again for each request would cost more than most requests.
--   plan_cache_mode   plans each statement once, without looking at the user
--   enable_seqscan    statistics can be older than a user. Beside a user who owns almost the whole table, they would make
--                     Postgres read the table from end to end for the new user.
--   work_mem          holds the sort of the longest page after the largest offset, which would go to disk otherwise
select pg_catalog.set_config('plan_cache_mode', 'force_generic_plan', false),
       pg_catalog.set_config('enable_seqscan', 'off', false),
       pg_catalog.set_config('max_parallel_workers_per_gather', '0', false),
       pg_catalog.set_config('work_mem', '32MB', false)
