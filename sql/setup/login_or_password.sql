-- Makes the login of login.sql, or gives it its password again if it exists. docker-compose.yml runs it at each start, as the
-- superuser, in one transaction (-1), so that no login is left without its role:
--
--   LOGIN_PASSWORD_FILE=/path/of/the/password psql … -1 -v ON_ERROR_STOP=1 -v login=rowkeep_login -f sql/setup/login_or_password.sql

\set password `cat "$LOGIN_PASSWORD_FILE"`

select :'password' = '' as has_no_password,
       not exists (select from pg_roles where rolname = :'login') as is_missing
\gset

\if :has_no_password
do $$ begin raise exception 'the file that LOGIN_PASSWORD_FILE names cannot be read, or is empty'; end $$;
\endif

\if :is_missing
\ir login.sql
\else
alter role :"login" password :'password';
\endif
