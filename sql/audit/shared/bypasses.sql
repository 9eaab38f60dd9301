-- The roles that can get past the policies, and how.
bypasses (role, way) as (
    select b.role, 'superuser'
      from can_become b join roles o on o.oid = b.other
     where o.rolsuper
    union
    select b.role, 'has BYPASSRLS'
      from can_become b join roles o on o.oid = b.other
     where o.rolbypassrls and not o.rolsuper
    union
    select b.role, 'has REPLICATION, to which no policy applies'
      from can_become b join roles o on o.oid = b.other
     where o.rolreplication and not o.rolsuper
    union
    select u.role, format('can become %s, the owner of %s', o.name, t.name)
      from can_use u
      join tables t on t.relowner = u.other
      join roles o on o.oid = u.other
     where u.role <> u.other
    union
    select u.role, format('member of %s: can reach the files of the server', o.name)
      from can_use u join roles o on o.oid = u.other
     where o.rolname in ('pg_read_server_files', 'pg_write_server_files', 'pg_execute_server_program')
       and u.role <> u.other
    union
    select u.role, format('member of %s: %s', o.name,
                          case o.rolname when 'pg_read_all_data'
                               then 'policies apply, but it reads pg_statistic, which contains values of all rows'
                               else 'policies apply, but it can change sequences' end)
      from can_use u join roles o on o.oid = u.other
     where o.rolname in ('pg_read_all_data', 'pg_write_all_data')
       and u.role <> u.other
    union
    select b.role, format('can grant %s to any role', o.name)
      from can_become b
      join memberships m on m.member = b.other and m.admin_option
      join roles o on o.oid = m.roleid and o.ours
    union
    select b.role, 'has CREATEROLE, and can grant itself any role that is no superuser'
      from can_become b join roles o on o.oid = b.other
     where o.rolcreaterole and current_setting('server_version_num')::integer < 160000
    union
    select u.role, format('owns database %I, and can store settings for all its sessions', d.datname)
      from can_use u join pg_database d on d.datname = current_database() and d.datdba = u.other
)
