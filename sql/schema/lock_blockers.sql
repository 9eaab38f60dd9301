-- The sessions that have the lock that a session waits for. Others can be before it in the queue: they do not have it.
-- 0 is a prepared transaction.
--   $1 the process id of the session that waits
with recursive waiting (process_id) as (
    -- For the row, its table, or the advisory lock. The first in the queue for a row has a lock of the tuple.
    select l.pid
      from pg_locks l
      left join pg_class c on c.oid = l.relation and c.relname = 'lock'
                          and c.relnamespace = (select oid from pg_namespace where nspname = 'rowkeep')
     where l.database = (select oid from pg_database where datname = current_database())
       and (l.locktype = 'tuple' and c.oid is not null
            or not l.granted
               and (c.oid is not null
                    or l.locktype = 'advisory'
                       and ((l.classid::bigint << 32) | l.objid::bigint) = x'2d3da741bf65fe00'::bit(64)::bigint))
),
blockers (process_id) as (
    select unnest(pg_blocking_pids($1))
    union
    select unnest(pg_blocking_pids(b.process_id))
      from blockers b
     where b.process_id in (select process_id from waiting)
)
select coalesce(array_agg(b.process_id order by b.process_id), '{}') as process_ids
  from blockers b
 where b.process_id not in (select process_id from waiting)
