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

-- What a node and the coordinator have answered. `object` is the shard, where `of` is its table.
node_facts (node, object, "of", what, value) as materialized (
    select n.address, f."of" || coalesce('_' || nullif(f.shard, ''), ''), f."of", f.what, f."is"
      from nodes n
     cross join lateral jsonb_to_recordset(n.answer -> 'facts') f ("of" text, shard text, what text, "is" text)
),

node_rows ("of", rows) as (
    select r.key, sum(r.value::bigint)
      from nodes n
     cross join lateral jsonb_each_text(nullif(n.answer -> 'rows', 'null')) r
     group by r.key
),

coordinator_facts ("of", what, value) as materialized (
    select f."of", f.what, f."is"
      from optional_rows o
     cross join jsonb_to_recordset(o.rows) x (answer jsonb)
     cross join lateral jsonb_to_recordset(x.answer -> 'facts') f ("of" text, what text, "is" text)
     where o.name = 'coordinator'
),

-- Where a node is not as the coordinator: the value there, and the one here. No value: it is missing. Grouped and not
-- joined: the settings of a serving login make joins of so many rows slow.
node_differences (node, object, what, there, here) as (
    select d.node, d.object, d.what, min(d.there), min(d.here)
      from (select n.node, n.object, n.what, n.value, null
              from node_facts n
             -- Of an object that the coordinator does not have at all, one line.
             where n.what ~ '^(kind|function|view|copy|role|schema|setting .*)$' or n."of" in (select "of" from coordinator_facts)
             union all
            select n.node, n.object, c.what, null, c.value
              from node_facts n
              join coordinator_facts c on c."of" = n."of"
             where n.what ~ '^(kind|function|view|copy|role|schema|setting .*)$'
             union all
            select n.address, s.name, 'kind', null, 'table'
              from nodes n
             cross join lateral unnest(n.shards) s (name)
             where n.problem is null) d (node, object, what, there, here)
     group by d.node, d.object, d.what
    having min(d.there) is distinct from min(d.here)
)
