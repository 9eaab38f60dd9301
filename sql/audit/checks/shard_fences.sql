-- Looks for: nodes of a distributed database (Citus) that do not keep the fence restrictive by themselves.
-- Why: Citus copies a restrictive policy as a permissive one. The event trigger of sql/scale/citus_worker.sql mends that at
--   once. Without it the fence is open after each move of a shard, until somebody restores it.
-- Severity: NOTE: accept it where nobody may make an event trigger. OK if every node has it.
-- Fix: psql -f sql/scale/citus_worker.sql on the node, as a superuser.
-- Controls: SOC 2 CC6.1
select 'RK-344', 'NOTE', 'shards', format('%s does not keep the fence', n.address),
       'run sql/scale/restore_fence.sql after each change that makes a shard',
       'by hand: psql -f sql/scale/citus_worker.sql on that node, as a superuser', null
  from nodes n
 where not (n.answer ->> 'keeps_fence')::boolean
union all
select 'RK-344', 'OK', 'shards', 'every node keeps the fence restrictive', '', null, null
  from nodes n
having count(*) > 0 and bool_and(coalesce((n.answer ->> 'keeps_fence')::boolean, false))
