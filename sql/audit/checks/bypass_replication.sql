-- Looks for: roles with REPLICATION, roles that can become one of them, and members of a role by which a hosting service
--   allows replication, such as rds_replication.
-- Why: such a role copies the files of the whole cluster, or reads the changes of all tables. No privilege and no policy
--   applies to either.
-- Severity: NOTE. Standbys and backups need it.
-- Fix: alter role ... noreplication; or revoke ... from ...;
-- Controls: CIS 4.3; SOC 2 CC6.3
select 'RK-603', 'NOTE', 'bypass', format('%s %s', r.name, string_agg(w.way, ', ' order by w.way)),
       'it can copy all tables or read all changes of rows, and no policy applies', null, null::oid
  from (select b.role, case when b.role = b.other then 'has REPLICATION'
                            else format('can become %s, which has REPLICATION', o.name) end as way
          from can_become b
          join roles r on r.oid = b.role
          join roles o on o.oid = b.other and o.rolreplication and not o.rolsuper
         where not r.rolreplication or r.oid = o.oid
         union
        -- A patched server asks for this membership in place of the attribute.
        select u.role, 'is a member of ' || o.name
          from can_use u
          join roles o on o.oid = u.other and o.rolname ~ '_replication$' and not o.rolcanlogin and not o.predefined
         where u.role <> u.other) w
  join roles r on r.oid = w.role and not r.rolsuper and not r.predefined
 group by r.oid, r.name, r.rolreplication
