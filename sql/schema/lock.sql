-- Takes the lock for migrating this database until the session ends. False: another process holds it.
--   The number is the first eight bytes of SHA-256('rowkeep migrate').
select pg_try_advisory_lock(x'2d3da741bf65fe00'::bit(64)::bigint) as taken
