-- Looks for: roles other than the logins of requests that can use rowkeep_api, and logins of requests that can let others use it.
-- Why: who can use rowkeep_api can call app.identify() with the id of any user, and so read and change the tasks of each.
-- Severity: NOTE. A login that starts as rowkeep_api, and that of DATABASE_URL, are left out: they serve requests. Only that
--   they can let others is named: requests need no ADMIN option. A role that can become an owner has a line of its own, which
--   says more.
-- Fix: revoke rowkeep_api from ...; if it does not serve requests, or revoke admin option for rowkeep_api from ...; A
--   membership does not expire.
-- Controls: SOC 2 CC6.3
select 'RK-605', 'NOTE', 'bypass',
       case when k.serves then format('%s can let others become %s', r.name, o.name)
            else format('%s can become %s%s', r.name, o.name, case when k.admins then ', and can let others' end) end,
       case when k.serves then 'they can then call app.identify() with the id of any user, and read and change the rows of each'
            else 'it can call app.identify() with the id of any user, and read and change the rows of each' end,
       case when k.serves
            then (select string_agg(regexp_replace(m.revoke, '^revoke', 'revoke admin option for'), ' ' order by m.revoke)
                    from memberships m
                   where m.roleid = o.oid and m.admin_option
                     and (r.oid, m.member) in (select role, other from can_use))
            when r.oid not in (select oid from migrating_logins)
            -- Without it a login of requests cannot serve.
            then (select case when exists (select from can_use c join logins l on l.oid = c.role where c.other = r.oid)
                              then 'by hand: if it does not serve requests, ' else '' end
                         || string_agg(m.revoke, ' ' order by m.revoke)
                    from memberships m
                   where m.member = r.oid and m.roleid = o.oid) end,
       (select case when min(m.fixer) = max(m.fixer) then min(m.fixer) else '0' end
          from memberships m
         where m.roleid = o.oid
           and case when k.serves then m.admin_option and (r.oid, m.member) in (select role, other from can_use)
                    else m.member = r.oid end)
  from can_use u
  join roles r on r.oid = u.role and not r.rolsuper and not r.predefined
  join roles o on o.oid = u.other and o.rolname = 'rowkeep_api'
 cross join lateral (
       select exists (select
                        from can_use b
                        join memberships m on m.member = b.other and m.admin_option and m.roleid = o.oid
                       where b.role = r.oid),
              exists (select
                        from stored_settings s
                       where s.setrole = r.oid and s.name = 'role' and s.value = 'rowkeep_api')
              or r.oid in (select oid from serving_login) and r.oid in (select oid from logins)) k (admins, serves)
 where u.role <> u.other
   and r.oid not in (select c.role from can_use c join tables t on t.relowner = c.other)
   and (k.admins or not k.serves)
