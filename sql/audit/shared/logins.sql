-- The logins that serve requests: they start as rowkeep_api, or they can use it and do not migrate. The login of
-- DATABASE_URL serves as well, whatever it is: see exposed_logins.
logins as (
    select r.*
      from roles r
     where r.rolcanlogin
       and not r.rolsuper
       and r.oid not in (select oid from node_logins)
       and (exists (select
                      from stored_settings s
                     where s.setrole = r.oid and s.name = 'role' and s.value = 'rowkeep_api')
            or exists (select from can_use u join roles o on o.oid = u.other where u.role = r.oid and o.rolname = 'rowkeep_api')
               and r.oid not in (select oid from migrating_logins))
)
