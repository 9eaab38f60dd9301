-- Moves the shard of one user to another node of a Citus cluster. Run it on the coordinator as a superuser:
--
--   psql -h COORDINATOR -d DATABASE -v user=USER_ID -v to=HOST:PORT -f sql/scale/move_shard.sql
--
--   user   whose shard: all other users of that shard move as well   shard   its number, instead of a user
--   to     the node, as pg_dist_node names it (IPv6 is [HOST]:PORT)
--
-- Changes to this shard wait until it has moved, and reads do not. A change that waits for longer than the lock_timeout of
-- rowkeep_api is refused with 503, and can be sent again. The other way of Citus, which copies by logical replication, never
-- ends here if somebody writes meanwhile: its subscription may not write to a table with FORCE ROW LEVEL SECURITY.

\set ON_ERROR_STOP on
\set QUIET on

\ir checks/distributed.sql
\if :{?to}    \else \set to ''    \endif
\if :{?user}  \else \set user ''  \endif
\if :{?shard} \else \set shard '' \endif
select :'to' = '' as is_nowhere, :'user' || :'shard' = '' as is_nothing \gset
\if :is_nowhere
do $$ begin raise 'say where to: -v to=HOST:PORT'; end $$;
\endif
\if :is_nothing
do $$ begin raise 'say which shard: -v user=USER_ID or -v shard=NUMBER'; end $$;
\endif

select coalesce(nullif(:'shard', ''), get_shard_id_for_distribution_column('app.tasks', :'user')::text) as shard \gset
select not exists (select from citus_shards
                    where table_name = 'app.tasks'::regclass and shardid::text = :'shard')               as is_unknown,
       not exists (select from pg_dist_node
                    where format('%s:%s', nodename, nodeport) = translate(:'to', '[]', ''))              as is_no_node \gset
\if :is_unknown
do $$ begin raise 'app.tasks has no such shard'; end $$;
\endif
\if :is_no_node
do $$ begin raise 'no node has this address: select nodename, nodeport from pg_dist_node'; end $$;
\endif
select s.nodename as from_host, s.nodeport as from_port, n.nodename as to_host, n.nodeport as to_port,
       format('from %s:%s to %s:%s', s.nodename, s.nodeport, n.nodename, n.nodeport) as way,
       (s.nodename, s.nodeport) = (n.nodename, n.nodeport)                           as is_there
  from citus_shards s
 cross join pg_dist_node n
 where s.table_name = 'app.tasks'::regclass
   and s.shardid::text = :'shard'
   and format('%s:%s', n.nodename, n.nodeport) = translate(:'to', '[]', '') \gset
\if :is_there
\echo 'shard' :shard 'is there already'
\else
select citus_move_shard_placement(:shard, :'from_host', :from_port, :'to_host', :to_port, 'block_writes') \g /dev/null
\echo 'moved shard' :shard :way
\endif

\ir restore_fence.sql
