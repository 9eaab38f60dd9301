-- The roles that may read a table of app, by a grant, as its owner or as a member. Policies are another matter.
readers (role) as (
    select u.role
      from can_use u
     where u.other in (
              select a.grantee
                from tables t
               cross join lateral (
                     select grantee, privilege_type from aclexplode(t.relacl)
                      union all
                     select x.grantee, x.privilege_type
                       from pg_attribute c cross join aclexplode(c.attacl) x
                      where c.attrelid = t.oid) a
               where a.privilege_type = 'SELECT'
              union
              select relowner from tables
              union
              select oid from roles where rolname = 'pg_read_all_data')
)
