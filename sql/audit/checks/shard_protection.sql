-- Looks for: shards of a distributed table (Citus) that lack what protects the table.
-- Why: the policies of a shard decide about its rows. Citus copies a restrictive policy as a permissive one, so that one
--   mistaken policy shows every row. The catalogue of the coordinator does not tell.
-- Severity: FAIL. OK if every shard is protected. Nothing if no table is distributed.
-- Fix: psql -f sql/scale/restore_fence.sql on the coordinator; sql/scale/citus_worker.sql on the nodes keeps it so.
-- Controls: SOC 2 CC6.1
select 'RK-341', 'FAIL', 'shards', format('%s on %s', s.name, s.node), s.problem,
       'by hand: psql -f sql/scale/restore_fence.sql on the coordinator, and rowkeep migrate --reapply-policies', null
  from shards s
 where s.problem is not null
union all
select 'RK-341', 'FAIL', 'shards', format('rowkeep_api has %s on %s', n.answer ->> 'powers', n.address),
       'no policy binds it there', 'by hand: alter role rowkeep_api nosuperuser nobypassrls; on that node', null
  from nodes n
 where n.answer ->> 'powers' <> ''
union all
select 'RK-341', 'OK', 'shards', format('%s shards on %s nodes', count(*), count(distinct s.node)),
       'each forces row security and has a restrictive fence', null, null
  from shards s
having count(*) > 0 and count(s.problem) = 0
