-- Spreads the shards over the nodes of a Citus cluster, after a node has joined, or takes all of them from one that will
-- leave. Run it on the coordinator as a superuser:
--
--   psql -h COORDINATOR -d DATABASE -f sql/scale/rebalance.sql
--   psql -h COORDINATOR -d DATABASE -v drain=HOST:PORT -f sql/scale/rebalance.sql
--   psql -h COORDINATOR -d DATABASE -v undrain=HOST:PORT -f sql/scale/rebalance.sql
--
-- A node that is drained gets no shards until `undrain` gives it its share again.
--
-- One shard moves after the other, as in sql/scale/move_shard.sql: changes to it wait meanwhile, reads do not.

\set ON_ERROR_STOP on
\set QUIET on

\ir checks/distributed.sql
\set named false
\if :{?drain}
\set named true
\set node :drain
\elif :{?undrain}
\set named true
\set node :undrain
\endif
\if :named
select count(*) filter (where is_named) = 0 as is_no_node,
       count(*) filter (where not is_named and shouldhaveshards and isactive and noderole = 'primary') = 0 as is_last
  from (select *, format('%s:%s', nodename, nodeport) = translate(:'node', '[]', '') as is_named from pg_dist_node) n \gset
\if :is_no_node
do $$ begin raise 'no node has this address: select nodename, nodeport from pg_dist_node'; end $$;
\endif
\endif

\if :{?drain}
\if :is_last
do $$ begin raise 'no other node can take the shards: let one join first (docs/growth.md)'; end $$;
\endif
select citus_drain_node(nodename, nodeport, 'block_writes')
  from pg_dist_node
 where format('%s:%s', nodename, nodeport) = translate(:'drain', '[]', '') \g /dev/null
-- Citus deletes the last copy some seconds later, and cannot once the node has left.
call citus_cleanup_orphaned_resources();
\else
\if :{?undrain}
select citus_set_node_property(nodename, nodeport, 'shouldhaveshards', true)
  from pg_dist_node
 where format('%s:%s', nodename, nodeport) = translate(:'undrain', '[]', '') \g /dev/null
\endif
select rebalance_table_shards('app.tasks', shard_transfer_mode => 'block_writes') \g /dev/null
\endif

\ir restore_fence.sql

select format('%s:%s has %s shards', n.nodename, n.nodeport, count(s.shardid)) as line
  from pg_dist_node n
  left join citus_shards s on (s.nodename, s.nodeport) = (n.nodename, n.nodeport) and s.table_name = 'app.tasks'::regclass
 where n.noderole = 'primary' and (n.groupid <> 0 or n.shouldhaveshards)
 group by n.nodename, n.nodeport
 order by 1 \g (format=unaligned tuples_only=on)
