-- Ends backends whose connections were lost, and returns those that are still there. The login may end its own backends;
-- the role of requests may not.
--   $1 process ids   $2 when they were open, in seconds since 1970 as text, in the same order
select a.pid as process_id, pg_terminate_backend(a.pid) as told
  from unnest($1::int[], $2::text[]) as lost (pid, opened_at)
  join pg_stat_activity a on a.pid = lost.pid
                         and extract(epoch from a.backend_start) <= lost.opened_at::numeric
