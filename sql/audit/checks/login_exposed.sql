-- Looks for: logins of requests that can bypass policies, when no login of requests exists that cannot.
-- Why: requests are restricted in spite of it, but a person with the password of the login is not.
-- Severity: FAIL. One stolen password gives the rows of all users.
-- Fix: alter role ... nosuperuser nobypassrls noreplication; or a login made by sql/setup/login.sql.
-- Controls: CIS 4.3; CIS 4.7; SOC 2 CC6.3
select 'RK-702', 'FAIL', 'login', format('%s serves requests, and no login without such a power does', e.name),
       string_agg(e.way, '; ' order by e.way),
       case when e.own then format('alter role %s nosuperuser nobypassrls noreplication;', e.name)
            else 'by hand: make a login with sql/setup/login.sql' end,
       case when e.own then 0 end
  from exposed_logins e
 where not exists (select from logins l where l.oid not in (select oid from exposed_logins))
 group by e.name, e.own
