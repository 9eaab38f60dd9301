-- Keeps a release that does not know rowkeep.lock from changing the database until this session ends. Does not wait: every
-- login can hold this lock. False: another session holds it.
select pg_try_advisory_lock(x'2d3da741bf65fe00'::bit(64)::bigint) as taken
