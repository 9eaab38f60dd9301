-- Looks for: every privilege on the schemas app and rowkeep.
-- Why: a role that may create objects in app can put functions of its own there.
-- Severity: OK for the grants that policies/ makes, and for USAGE of another role: it shows no row. NOTE if that role may
--   grant it, or owns the tables. FAIL for every other grant.
-- Fix: revoke ... on schema ... from ... cascade;
-- Controls: SOC 2 CC6.3
select 'RK-212', g.verdict, 'schema',
       format('%s: %s to %s', g.name, g.privilege, g.receiver)
       || case when g.is_grantable then ', with grant option' else '' end,
       '',
       case when g.verdict <> 'OK' then format('revoke %s on %s from %s cascade;', g.privilege, g.target, g.receiver) end,
       g.grantor
  from granted g
 where g.kind = 'schema'
