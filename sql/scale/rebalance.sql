-- Spreads the shards over the nodes of a Citus cluster, after a node has joined, or takes all of them from one that will
-- leave. Run it on the coordinator as a superuser:
--
--   psql -h COORDINATOR -d DATABASE -f sql/scale/rebalance.sql
--   psql -h COORDINATOR -d DATABASE -v drain=HOST:PORT -f sql/scale/rebalance.sql
--
-- One shard moves after the other, as in sql/scale/move_shard.sql: changes to it wait meanwhile, reads do not.

\set ON_ERROR_STOP on
\set QUIET on

\if :{?drain}
select not exists (select from pg_dist_node where format('%s:%s', nodename, nodeport) = :'drain') as is_no_node \gset
\if :is_no_node
do $$ begin raise 'no node has this address: select nodename, nodeport from pg_dist_node'; end $$;
\endif
select citus_drain_node(split_part(:'drain', ':', 1), split_part(:'drain', ':', 2)::integer, 'block_writes') \g /dev/null
\else
select rebalance_table_shards('app.tasks', shard_transfer_mode => 'block_writes') \g /dev/null
\endif

\ir restore_fence.sql

select format('%s:%s has %s shards', n.nodename, n.nodeport, count(s.shardid)) as line
  from pg_dist_node n
  left join citus_shards s on (s.nodename, s.nodeport) = (n.nodename, n.nodeport) and s.table_name = 'app.tasks'::regclass
 where n.noderole = 'primary' and (n.groupid <> 0 or n.shouldhaveshards)
 group by n.nodename, n.nodeport
 order by 1 \g (format=unaligned tuples_only=on)
