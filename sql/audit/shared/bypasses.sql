-- The roles that can read rows in spite of the policies, and how. `unbound`: without changing anything before. The checks
-- bypass_* print the whole list; other checks ask here.
bypasses (role, unbound, way) as (
    select b.role, true, 'superuser'
      from can_become b join roles o on o.oid = b.other
     where o.rolsuper
    union
    select u.role, true, format('has the privileges of %s, a superuser', o.name)
      from can_use u join roles o on o.oid = u.other
     where o.rolsuper and (u.role, u.other) not in (select role, other from can_become)
    union
    select b.role, true, 'has BYPASSRLS'
      from can_become b join roles o on o.oid = b.other
     where o.rolbypassrls and not o.rolsuper
    union
    select b.role, true, 'has REPLICATION, to which no policy applies'
      from can_become b join roles o on o.oid = b.other
     where o.rolreplication and not o.rolsuper
    union
    select u.role, true, format('member of %s: can reach the files of the server', o.name)
      from can_use u join roles o on o.oid = u.other
     where o.rolname in ('pg_read_server_files', 'pg_write_server_files', 'pg_execute_server_program')
       and u.role <> u.other
    union
    select u.role, false, format('can become %s, the owner of %s', o.name, t.name)
      from can_use u
      join tables t on t.relowner = u.other
      join roles o on o.oid = u.other
     where u.role <> u.other
    union
    select u.role, false, 'member of pg_read_all_data: reads pg_statistic, which contains values of all rows'
      from can_use u join roles o on o.oid = u.other
     where o.rolname = 'pg_read_all_data'
       and u.role <> u.other
)
