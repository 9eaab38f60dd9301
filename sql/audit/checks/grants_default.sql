-- Looks for: default privileges that grant something on future objects.
-- Why: a new table would be open before its policies exist.
-- Severity: FAIL for objects in app or rowkeep, or of rowkeep_owner. NOTE for those of other roles, one line for each, wherever
--   they are. OK if there is none of the first kind, and if no role of the second kind may make objects in app or rowkeep. That
--   PUBLIC may execute functions is PostgreSQL's own default, and is left out.
-- Fix: alter default privileges ... revoke all on ... from ...;
-- Controls: CIS 4.6; SOC 2 CC6.3
select 'RK-504', 'FAIL', 'grants',
       format('future objects of %s%s are granted to %s: %s', d.name,
              case when d.nspname is null then '' else format(' in schema %I', d.nspname) end,
              d.receiver, string_agg(d.privilege, ', ' order by d.privilege)),
       '',
       format('alter default privileges for role %s %srevoke all on %s from %s;', d.name,
              case when d.nspname is null then '' else format('in schema %I ', d.nspname) end, d.what, d.receiver),
       d.owner
  from default_privileges d
 where d.ours
 group by d.oid, d.name, d.owner, d.nspname, d.what, d.receiver
union all
-- Those of another role are one line.
select 'RK-504', 'NOTE', 'grants',
       format('future objects of %s are granted: %s', d.name,
              string_agg(format('%s on %s to %s', d.privileges, d.what, d.receiver), '; ' order by d.what, d.receiver)),
       case when bool_or(d.creates)
            then 'it may create objects in app or rowkeep, and they are open at once; what rowkeep migrate creates belongs to rowkeep_owner'
            else '' end,
       string_agg(format('alter default privileges for role %s revoke all on %s from %s;', d.name, d.what, d.receiver), ' '
                  order by d.what, d.receiver),
       d.owner
  from (select d.name, d.owner, d.what, d.receiver, string_agg(d.privilege, ', ' order by d.privilege) as privileges,
               bool_or(d.creates) as creates
          from default_privileges d
         where d.ours is not true
         group by d.name, d.owner, d.what, d.receiver) d
 group by d.name, d.owner
union all
select 'RK-504', 'OK', 'grants', 'no default privilege grants anything on future objects of app or rowkeep', '', null, null
 where not exists (select from default_privileges where ours or creates)
