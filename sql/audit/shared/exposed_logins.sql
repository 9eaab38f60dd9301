-- The logins that can serve requests and are not bound by policies. A superuser counts only if it was set up to serve.
exposed_logins (oid, name, own, way) as (
    select r.oid, r.name, r.rolsuper or r.rolbypassrls or r.rolreplication, p.way
      from bypasses p
      join roles r on r.oid = p.role and r.rolcanlogin
     where (p.way in ('superuser', 'has BYPASSRLS') or p.way ~ '^has REPLICATION' or p.way ~ 'files of the server$')
       and (r.oid in (select oid from logins)
            or r.rolsuper
               and (exists (select from memberships m join roles o on o.oid = m.roleid and o.rolname = 'rowkeep_api'
                             where m.member = r.oid)
                    or exists (select from stored_settings s
                                where s.setrole = r.oid and s.name = 'role' and s.value = 'rowkeep_api')))
)
