-- The logins that can serve requests. Superusers can do everything; they have lines of their own.
logins as (
    select r.*
      from roles r
     where r.rolcanlogin
       and not r.rolsuper
       and exists (select from memberships m where m.member = r.oid)
       and exists (select
                     from can_use u join roles o on o.oid = u.other
                    where u.role = r.oid and o.rolname = 'rowkeep_api'
                    union all
                   select
                     from stored_settings s
                    where s.setrole = r.oid and s.name = 'role' and s.value = 'rowkeep_api')
)
