-- Looks for: default privileges that grant something on future objects.
-- Why: a new table would be open before its policies exist.
-- Severity: FAIL for objects in app or rowkeep, or of rowkeep_owner. NOTE for those of other roles, wherever they are. OK if
--   there is none of the first kind, and if no role of the second kind may make objects in app or rowkeep. That PUBLIC may
--   execute functions is PostgreSQL's own default, and is left out.
-- Fix: alter default privileges ... revoke all on ... from ...;
-- Controls: CIS 4.6; SOC 2 CC6.3
select 'RK-504', case when d.ours then 'FAIL' else 'NOTE' end, 'grants',
       format('future objects of %s%s are granted to %s: %s', d.name,
              case when d.nspname is null then '' else format(' in schema %I', d.nspname) end,
              d.receiver, string_agg(d.privilege, ', ' order by d.privilege)),
       case when d.creates and not d.ours
            then 'it may create objects in app or rowkeep, and they are open at once; what rowkeep migrate creates belongs to rowkeep_owner'
            else '' end,
       format('alter default privileges for role %s %srevoke all on %s from %s;', d.name,
              case when d.nspname is null then '' else format('in schema %I ', d.nspname) end, d.what, d.receiver),
       d.owner
  from default_privileges d
 group by d.oid, d.name, d.owner, d.nspname, d.ours, d.creates, d.what, d.receiver
union all
select 'RK-504', 'OK', 'grants', 'no default privilege grants anything on future objects of app or rowkeep', '', null, null
 where not exists (select from default_privileges where ours or creates)
