-- Looks for: every privilege on an object of app or rowkeep that policies/ does not grant.
-- Why: policies do not apply to TRUNCATE and REFERENCES. TRIGGER runs code in the transactions of others. A written id,
--   user_id or time stamp can tell, or change, who owns a row.
-- Severity: FAIL for PUBLIC, for the roles of Rowkeep and of requests, and for TRUNCATE, REFERENCES and TRIGGER. NOTE for
--   another role: policies bind it, or it has BYPASSRLS and reads no more than it was granted. OK if there is none, and for
--   the role that tells pgaudit what to log: nobody can act as it.
-- Fix: revoke ... on ... from ... cascade;
-- Controls: CIS 4.6; SOC 2 CC6.3
select 'RK-503', g.verdict, 'grants',
       format('%s on %s%s to %s', g.privilege, case when o.is_table then 'other table ' else '' end, g.name, g.receiver)
       || case when g.is_grantable then ', with grant option' else '' end,
       case when g.verdict = 'OK' then 'pgaudit.role: pgaudit logs such statements'
            when g.kind = 'sequence' then 'reads or changes the id of the next row'
            when g.privilege = 'truncate' then 'empties the table, and no policy applies'
            when g.privilege = 'references' then 'shows whether a row exists, and can prevent that it is deleted'
            when g.privilege = 'trigger' then 'runs its own code in the transactions of other roles'
            when g.privilege = 'maintain' then 'locks the table'
            when o.is_table then 'it is no table of Rowkeep, and no policy of Rowkeep protects it'
            when g.verdict = 'NOTE' and g.kind in ('table', 'column') and g.nspname = 'app'
            then 'with BYPASSRLS it reaches the rows of all users, without it none'
            else '' end,
       case when g.verdict = 'OK' then null
            when g.kind = 'column' then format('revoke %s (%I) on %s from %s cascade;', g.privilege, g.part, g.target, g.receiver)
            else format('revoke %s on %s from %s cascade;', g.privilege, g.target, g.receiver) end,
       g.grantor
  from granted g
 cross join lateral (
       select exists (select
                        from relations r
                       where r.name = g.target and r.nspname = 'app' and r.relkind in ('r', 'p', 'f')
                         and r.oid not in (select oid from tables)) as is_table) o
 where not g.wanted
   and g.kind <> 'schema'
union all
select 'RK-503', 'OK', 'grants', 'nothing else is granted to another role than the owner '
       || case when exists (select from strangers) then 'on objects of Rowkeep' else 'in app or rowkeep' end, '', null, null
 where not exists (select from granted where not wanted and kind <> 'schema')
   and exists (select from granted)
