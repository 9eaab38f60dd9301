-- Looks for: a database without a login of requests.
-- Why: then only superusers can serve.
-- Severity: NOTE. The database may not serve yet.
-- Fix: run sql/setup/login.sql with psql.
select 91, 'NOTE', 'login', 'none but superusers can serve: sql/setup/login.sql makes one with nothing of its own', null
 where not exists (select from logins)
