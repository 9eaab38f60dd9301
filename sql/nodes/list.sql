-- The nodes of a distributed database (Citus) that hold rows of app, and what sql/nodes/probe.sql needs for each. No row if
-- no table of app is distributed. Only where the extension is: PostgreSQL alone knows none of these tables.
--   host, port      as the coordinator reaches it
--   shards          the names of the shards there
--   sees_nothing    an expression: whether none of these shards shows a row
--   ranges_from, ranges_to   of app.tasks: which hashes of a user id are there, both ends included
select n.nodename::text                                                      as host,
       n.nodeport                                                            as port,
       array_agg(s.name order by s.name)                                     as shards,
       string_agg(format('not exists (select 1 from %s)', s.name), ' and ')  as sees_nothing,
       array_agg(s.starts order by s.name) filter (where s.is_tasks)         as ranges_from,
       array_agg(s.ends order by s.name) filter (where s.is_tasks)           as ranges_to
  from (select h.shardid, shard_name(h.logicalrelid, h.shardid) as name, h.logicalrelid = 'app.tasks'::regclass as is_tasks,
               h.shardminvalue::integer as starts, h.shardmaxvalue::integer as ends
          from pg_dist_shard h
          join pg_class c on c.oid = h.logicalrelid
         where c.relnamespace = 'app'::regnamespace) s
  join pg_dist_placement p on p.shardid = s.shardid
  join pg_dist_node n on n.groupid = p.groupid and n.noderole = 'primary'
 group by n.nodename, n.nodeport
 order by n.nodename, n.nodeport
