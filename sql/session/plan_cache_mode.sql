-- One plan for everybody on a new connection: the questions are such that the best one is the same for each user, and what
-- would be planned anew for the user of a request costs more than most requests.
select pg_catalog.set_config('plan_cache_mode', 'force_generic_plan', false)
