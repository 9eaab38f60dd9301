-- The logins that serve requests and can get past the policies. `own`: by an attribute of their own. `unbound`: no policy
-- binds a session of theirs. A superuser counts only if it is the login of DATABASE_URL, or was set up to serve (`set_up`).
exposed_logins (oid, name, own, unbound, set_up, way) as (
    select r.oid, r.name, r.rolsuper or r.rolbypassrls or r.rolreplication, p.unbound, not r.rolsuper or s.set_up, p.way
      from bypasses p
      join roles r on r.oid = p.role and r.rolcanlogin
     cross join lateral (
           select exists (select from memberships m join roles o on o.oid = m.roleid and o.rolname = 'rowkeep_api'
                           where m.member = r.oid)
                  or exists (select from stored_settings s
                              where s.setrole = r.oid and s.name = 'role' and s.value = 'rowkeep_api') as set_up) s
     where (not r.rolsuper or p.way = 'superuser')
       and (r.oid in (select oid from logins)
            or r.oid in (select oid from serving_login)
            or r.rolsuper and s.set_up)
)
