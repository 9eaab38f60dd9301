-- Takes the lock for changing a database that has no table rowkeep.lock yet, until the transaction ends. Releases that do
-- not know the table take this one, too. Every login can take it.
--   The number is the first eight bytes of SHA-256('rowkeep migrate').
select pg_advisory_xact_lock(x'2d3da741bf65fe00'::bit(64)::bigint)
