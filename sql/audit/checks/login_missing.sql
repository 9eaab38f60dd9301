-- Looks for: a database without a login of requests.
-- Why: then only superusers, and logins that migrate, can serve.
-- Severity: NOTE. The database may not serve yet.
-- Fix: run sql/setup/login.sql with psql.
select 'RK-701', 'NOTE', 'login', 'no login is there for requests alone',
       'only superusers and logins that migrate can serve: sql/setup/login.sql makes a login without privileges of its own', null, null::oid
 where not exists (select from logins)
