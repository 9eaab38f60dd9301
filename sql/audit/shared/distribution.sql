-- Whether app.tasks is distributed over the nodes of a cluster (Citus).
distribution (is_distributed) as (
    select exists (select
                     from optional_rows o
                    cross join jsonb_to_recordset(o.rows) x (logicalrelid text)
                    where o.name = 'pg_catalog.pg_dist_partition'
                      and x.logicalrelid = 'app.tasks')
),

-- As these the coordinator logs in to the nodes of a distributed database. They have no password, and serve no requests here.
node_logins (oid) as (
    select r.oid
      from roles r
     cross join distribution d
     where d.is_distributed
       and r.rolname in ('rowkeep_api', 'rowkeep_owner')
),

nodes (address, shards, problem, answer) as (
    select format('%s:%s', x.nodename, x.nodeport), x.shards,
           case when not x.success then regexp_replace(x.result, '\s+', ' ', 'g') end,
           case when x.success then x.result::jsonb end
      from optional_rows o
     cross join jsonb_to_recordset(o.rows) x (nodename text, nodeport integer, shards text[], success boolean, result text)
     where o.name = 'nodes'
),

-- Each shard of app, by the catalogue of the coordinator, and what is wrong with it on its node.
shards (node, name, problem) as (
    select n.address, s.name, case when a.name is null then 'the node does not show it' else nullif(a.problem, '') end
      from nodes n
     cross join lateral unnest(n.shards) s (name)
      left join lateral jsonb_to_recordset(n.answer -> 'shards') a (name text, problem text) on a.name = s.name
     where n.problem is null
)
