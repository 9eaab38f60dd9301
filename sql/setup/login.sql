-- Creates the recommended login for `rowkeep serve`. It has no privileges of its own, is a member of rowkeep_api from its
-- first statement, and has time-outs. Run it once with psql, after `rowkeep migrate`, as the migrating login or an
-- administrator:
--
--   psql "$MIGRATION_DATABASE_URL" -v ON_ERROR_STOP=1 \
--        -v login=rowkeep_login -v password='a long random text' -f sql/setup/login.sql
--
-- Create the login with this file and not in the console of a hosting service: consoles often give roles BYPASSRLS.

create role :"login" login inherit password :'password';

comment on role :"login" is
    'The login of rowkeep serve: a member of rowkeep_api without privileges of its own.';

grant rowkeep_api to :"login";
grant connect on database :"DBNAME" to :"login";

-- The role applies before the first statement, and again after RESET ROLE or DISCARD ALL.
alter role :"login" set role = 'rowkeep_api';

-- Settings belong to the login and do not follow SET ROLE, so they cannot be stored for rowkeep_api.
alter role :"login" set statement_timeout = '5s';
alter role :"login" set lock_timeout = '2s';
alter role :"login" set idle_in_transaction_session_timeout = '10s';
