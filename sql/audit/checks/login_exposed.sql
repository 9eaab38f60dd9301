-- Looks for: logins of requests that can get past the policies. The login of DATABASE_URL is one whatever it is.
-- Why: requests are restricted in spite of it, but a person with the password of the login is not.
-- Severity: FAIL if no policy binds the login, and no login of requests exists that is bound: one stolen password gives the rows
--   of all users. NOTE otherwise, and for a superuser that was not set up to serve: administrators audit as one.
-- Fix: a login made by sql/setup/login.sql; or alter role ... nosuperuser nobypassrls noreplication;
-- Controls: CIS 4.3; CIS 4.7; SOC 2 CC6.3
select 'RK-702', case when e.fails then 'FAIL' else 'NOTE' end, 'login',
       format('%s serves requests%s: %s', e.name, case when e.fails then ', and no login without such a power does' end,
              string_agg(e.way, '; ' order by e.way)),
       'sql/setup/login.sql makes a login without such a power',
       case when e.own and not e.migrates then format('alter role %s nosuperuser nobypassrls noreplication;', e.name)
            else 'by hand: make a login with sql/setup/login.sql, and use it in DATABASE_URL' end,
       case when e.own and not e.migrates then 0::oid end
  from (select x.*, x.oid in (select oid from migrating_logins)
                    or x.oid in (select oid from serving_login) and x.oid not in (select oid from logins) as migrates,
               bool_or(x.unbound and x.set_up) over (partition by x.oid)
               and not exists (select
                                 from logins l
                                where l.oid not in (select oid from exposed_logins where unbound)) as fails
          from exposed_logins x) e
 group by e.oid, e.name, e.own, e.migrates, e.fails
