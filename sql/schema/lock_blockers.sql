-- The sessions that a session waits for, and that wait for nobody themselves. A session can wait behind others that wait.
-- 0 is a prepared transaction.
--   $1 the process id of the session that waits
with recursive blockers (process_id) as (
    select unnest(pg_blocking_pids($1))
    union
    select unnest(pg_blocking_pids(b.process_id)) from blockers b
)
select coalesce(array_agg(b.process_id order by b.process_id), '{}') as process_ids
  from blockers b
 where cardinality(pg_blocking_pids(b.process_id)) = 0
