-- Describes the relation that holds the tasks.
--   name     its name with its schema, quoted where SQL needs it
--   rows     whether it is something that has rows: a table, a view, a materialized view or a foreign table
--   is_own   whether it is app.tasks of the very database that the session with process id $2 migrates: that session holds
--            the lock of sql/schema/lock.sql
--   $1 relation   $2 process id
select format('%I.%I', n.nspname, c.relname)           as name,
       c.relkind in ('r', 'p', 'v', 'm', 'f')          as has_rows,
       n.nspname = 'app'
       and c.relname = 'tasks'
       and exists (select
                     from pg_locks l
                     join pg_database d on d.oid = l.database
                    where d.datname = current_database()
                      and l.locktype = 'advisory'
                      and l.pid = $2
                      and (l.classid::bigint << 32 | l.objid::bigint)
                          = x'2d3da741bf65fe00'::bit(64)::bigint)
                                                       as is_own,
       current_setting('server_version')               as server,
       current_setting('server_version_num')::integer / 10000 as major
  from pg_class c
  join pg_namespace n on n.oid = c.relnamespace
 where c.oid = $1
