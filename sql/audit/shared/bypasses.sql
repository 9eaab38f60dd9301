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
    select b.role, 'may replicate, which policies do not filter'
      from can_become b join roles o on o.oid = b.other
     where o.rolreplication and not o.rolsuper
    union
    select u.role, format('can become %s, the owner of %s', o.name, t.name)
      from can_use u
      join tables t on t.relowner = u.other
      join roles o on o.oid = u.other
     where u.role <> u.other
    union
    select u.role, format('member of %s: reaches the files of the server', o.name)
      from can_use u join roles o on o.oid = u.other
     where o.rolname in ('pg_read_server_files', 'pg_write_server_files', 'pg_execute_server_program')
       and u.role <> u.other
    union
    select u.role, format('member of %s: %s', o.name,
                          case o.rolname when 'pg_read_all_data'
                               then 'policies bind it, but it reads pg_statistic, which holds values of all rows'
                               else 'policies bind it, but it may move sequences' end)
      from can_use u join roles o on o.oid = u.other
     where o.rolname in ('pg_read_all_data', 'pg_write_all_data')
       and u.role <> u.other
    union
    select b.role, format('may grant %s to anybody', o.name)
      from can_become b
      join memberships m on m.member = b.other and m.admin_option
      join roles o on o.oid = m.roleid and o.ours
    union
    select b.role, 'has CREATEROLE, and may grant itself any role but a superuser'
      from can_become b join roles o on o.oid = b.other
     where o.rolcreaterole and current_setting('server_version_num')::integer < 160000
    union
    select u.role, format('owns database %I, and may store settings for all who use it', d.datname)
      from can_use u join pg_database d on d.datname = current_database() and d.datdba = u.other
)
