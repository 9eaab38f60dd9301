-- Moves the shard of one user to another node of a Citus cluster. Run it on the coordinator as a superuser:
--
--   psql -h COORDINATOR -d DATABASE -v user=USER_ID -v to=HOST:PORT -f sql/scale/move_shard.sql
--
--   user   whose shard: all other users of that shard move as well   shard   its number, instead of a user
--   to     the node, as pg_dist_node names it
--
-- Changes to this shard wait until it has moved, and reads do not. A change that waits for longer than the lock_timeout of
-- rowkeep_api is refused with 503, and can be sent again. The other way of Citus, which copies by logical replication, never
-- ends here if somebody writes meanwhile: its subscription may not write to a table with FORCE ROW LEVEL SECURITY.

\set ON_ERROR_STOP on
\set QUIET on

\if :{?to}
\else
do $$ begin raise 'say where to: -v to=HOST:PORT'; end $$;
\endif
\if :{?shard}
\else
\if :{?user}
\else
do $$ begin raise 'say which shard: -v user=USER_ID or -v shard=NUMBER'; end $$;
\endif
select get_shard_id_for_distribution_column('app.tasks', :'user') as shard \gset
\endif

select coalesce((select format('%s:%s', nodename, nodeport)
                   from citus_shards
                  where table_name = 'app.tasks'::regclass and shardid = :'shard'::bigint), '') as from_node \gset
select :'from_node' = '' as is_unknown, :'from_node' = :'to' as is_there,
       not exists (select from pg_dist_node where format('%s:%s', nodename, nodeport) = :'to') as is_no_node \gset
\if :is_unknown
do $$ begin raise 'app.tasks has no such shard'; end $$;
\endif
\if :is_no_node
do $$ begin raise 'no node has this address: select nodename, nodeport from pg_dist_node'; end $$;
\endif
\if :is_there
\echo 'shard' :shard 'is there already'
\else
select citus_move_shard_placement(:'shard'::bigint, split_part(:'from_node', ':', 1), split_part(:'from_node', ':', 2)::integer,
                                  split_part(:'to', ':', 1), split_part(:'to', ':', 2)::integer, 'block_writes') \g /dev/null
\echo 'moved shard' :shard 'from' :from_node 'to' :to
\endif

\ir restore_fence.sql
