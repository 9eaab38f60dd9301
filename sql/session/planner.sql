-- How a new connection plans: once for everybody, by an index that begins with the user, whatever is stored for its login.
-- Planning anew for the user of each request costs more than most requests. And statistics can be wrong about a user: who
-- came after they were made, beside somebody who owns almost the whole table, would have the table read from end to end.
-- The memory is that of a sort, which must hold the longest page and offset, or it sorts everything on disk.
select pg_catalog.set_config('plan_cache_mode', 'force_generic_plan', false),
       pg_catalog.set_config('enable_seqscan', 'off', false),
       pg_catalog.set_config('max_parallel_workers_per_gather', '0', false),
       pg_catalog.set_config('work_mem', '32MB', false)
