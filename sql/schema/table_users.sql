-- The other sessions that hold a lock on a table or an index of schema app. 0 is a prepared transaction.
select coalesce(array_agg(distinct coalesce(l.pid, 0)), '{}') as process_ids
  from pg_locks l
  join pg_class c on c.oid = l.relation
  join pg_namespace n on n.oid = c.relnamespace
 where l.locktype = 'relation'
   and l.database = (select oid from pg_database where datname = current_database())
   and l.granted
   and l.pid is distinct from pg_backend_pid()
   and n.nspname = 'app'
