-- Looks for: logins of requests that policies do not bind, when there is no login that policies bind.
-- Why: requests are restricted in spite of it, but who has the password of the login is not.
-- Severity: FAIL. One stolen password gives the rows of all users.
-- Fix: alter role ... nosuperuser nobypassrls noreplication; or a login made by sql/setup/login.sql.
select 91, 'FAIL', 'login',
       format('%s serves, and no other login does that is bound by policies: %s', e.name,
              string_agg(e.way, '; ' order by e.way)),
       case when e.own then format('alter role %s nosuperuser nobypassrls noreplication;', e.name)
            else 'sql/setup/login.sql makes a login with nothing of its own' end
  from exposed_logins e
 where not exists (select from logins l where l.oid not in (select oid from exposed_logins))
 group by e.name, e.own
