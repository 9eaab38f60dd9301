-- Looks for: every privilege on the schemas app and rowkeep.
-- Why: a role that may create objects in app can put functions of its own there.
-- Severity: OK for the grants that policies/ makes. FAIL for every other grant.
-- Fix: revoke ... on schema ... from ... cascade;
select 'RK-212', case when g.wanted then 'OK' else 'FAIL' end, 'schema',
       format('%s: %s to %s', g.name, g.privilege, g.receiver)
       || case when g.is_grantable then ', with grant option' else '' end,
       '',
       case when not g.wanted then format('revoke %s on %s from %s cascade;', g.privilege, g.target, g.receiver) end,
       g.owner
  from granted g
 where g.kind = 'schema'
