-- Looks for: nodes of a distributed database (Citus) whose shards of app, functions of app or roles are not those of the
--   coordinator.
-- Why: the policies of a shard decide about its rows. Citus copies a restrictive policy as a permissive one, so that one
--   mistaken policy shows every row. What is changed on a node by hand is not in the catalogue of the coordinator, which all
--   other checks read.
-- Severity: FAIL. NOTE for a role that serves no requests. OK if all nodes are as the coordinator. Nothing if no table is
--   distributed.
-- Fix: psql -f sql/scale/restore_fence.sql on the coordinator; rowkeep migrate --reapply-policies; all else on the node.
-- Controls: SOC 2 CC6.1
select 'RK-341', case when d.guest is null then 'FAIL' else 'NOTE' end, 'shards',
       format('%s%s on %s: %s (definition %s)', min(d.object),
              case when count(*) > 1 then format(' and %s more', count(*) - 1) end,
              string_agg(distinct d.node, ', '), d.what, coalesce(left(md5(d.there), 8), 'none')),
       format('%s, on the coordinator %s', coalesce(d.there, 'missing'), coalesce(d.here, 'missing')),
       case when d.what = 'policy fence' then 'by hand: psql -f sql/scale/restore_fence.sql on the coordinator'
            when d.what in ('policy owner_only', 'row security', 'privileges', 'privileges of columns') and d.here is not null
            then 'by hand: rowkeep migrate --reapply-policies'
            else 'by hand: make it on the node as it is on the coordinator' end, null
  from (select d.*, case when d.what = 'role'
                          and d.object not in (select r.name from roles r where r.ours or r.oid in (select oid from serving_roles))
                         then d.object end as guest
          from node_differences d) d
 group by d.what, d.there, d.here, d.guest
union all
select 'RK-341', 'OK', 'shards', format('%s shards on %s nodes', sum(cardinality(n.shards)), count(*)),
       'each is protected as the coordinator says, with a restrictive fence', null, null
  from nodes n
 where n.problem is null
having count(*) > 0 and not exists (select from node_differences d where d.what <> 'role')
