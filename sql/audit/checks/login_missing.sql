-- Looks for: a database without a login of requests.
-- Why: then only superusers can serve.
-- Severity: NOTE. The database may not serve yet.
-- Fix: run sql/setup/login.sql with psql.
select 'RK-701', 'NOTE', 'login', 'only superusers can serve requests',
       'sql/setup/login.sql makes a login without privileges of its own', null, null
 where not exists (select from logins)
