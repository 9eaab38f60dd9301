-- Creates the recommended login for `rowkeep serve`. It owns nothing, takes on the role of requests when it connects, and
-- has time-outs. Run this once with psql, after `rowkeep migrate`, as the migrating login or an administrator:
--
--   psql "$MIGRATION_DATABASE_URL" -v ON_ERROR_STOP=1 \
--        -v login=rowkeep_login -v password='a long random text' -f sql/setup/login.sql
--
-- Create it with SQL, as here. Roles made in the console of a hosting service often have BYPASSRLS.

create role :"login" login inherit password :'password';

comment on role :"login" is
    'Serves rowkeep: a member of rowkeep_api, with nothing of its own.';

grant rowkeep_api to :"login";
grant connect on database :"DBNAME" to :"login";

-- Takes on the role before the first statement, and again after RESET ROLE or DISCARD ALL.
alter role :"login" set role = 'rowkeep_api';

-- Settings belong to the login and do not follow SET ROLE: on rowkeep_api they would have no effect.
alter role :"login" set statement_timeout = '5s';
alter role :"login" set lock_timeout = '2s';
alter role :"login" set idle_in_transaction_session_timeout = '10s';
