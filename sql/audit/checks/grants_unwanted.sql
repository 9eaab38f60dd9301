-- Looks for: every privilege on an object of app or rowkeep that policies/ does not grant.
-- Why: policies do not apply to TRUNCATE and REFERENCES. TRIGGER runs code in the transactions of others. A written id,
--   user_id or time stamp can tell, or change, who owns a row.
-- Severity: FAIL for each one. OK if there is none.
-- Fix: revoke ... on ... from ... cascade;
select 'RK-503', 'FAIL', 'grants',
       format('%s on %s to %s', g.privilege, g.name, g.receiver)
       || case when g.is_grantable then ', with grant option' else '' end,
       case g.privilege when 'truncate' then 'empties the table, and no policy applies'
                        when 'references' then 'shows whether a row exists, and can prevent that it is deleted'
                        when 'trigger' then 'runs its own code in the transactions of other roles'
                        else '' end,
       case when g.kind = 'column' then format('revoke %s (%I) on %s from %s cascade;', g.privilege, g.part, g.target, g.receiver)
            else format('revoke %s on %s from %s cascade;', g.privilege, g.target, g.receiver) end,
       g.owner
  from granted g
 where not g.wanted
   and g.kind <> 'schema'
union all
select 'RK-503', 'OK', 'grants', 'no other role than the owner has any other privilege in app or rowkeep', '', null, null
 where not exists (select from granted where not wanted)
   and exists (select from granted)
