-- Looks for: nodes of a distributed database (Citus) that this login could not ask.
-- Why: nobody knows how their shards are protected.
-- Severity: NOTE. Nothing if all have answered.
-- Fix: by hand: start the node; pg_hba.conf there must let this login in from the coordinator, or audit as another login.
-- Controls: SOC 2 CC6.1
select 'RK-342', 'NOTE', 'shards', format('not looked at: %s shards on %s', cardinality(n.shards), n.address), n.problem,
       'by hand: start the node, let this login in from the coordinator (pg_hba.conf), or audit as rowkeep_login', null
  from nodes n
 where n.problem is not null
