-- Makes the recommended login for `rowkeep serve`: it has nothing of its own, is what requests are as soon as it is
-- there, and is bounded. Run it once with psql, after `rowkeep migrate`, as the migrating login or an administrator:
--
--   psql "$MIGRATION_DATABASE_URL" -v ON_ERROR_STOP=1 \
--        -v login=rowkeep_login -v password='a long random text' -f sql/setup/login.sql
--
-- Make it by SQL, like this, and not in the console of a hosting service: those give their roles BYPASSRLS.

create role :"login" login inherit password :'password';

comment on role :"login" is
    'Serves rowkeep: a member of rowkeep_api, with nothing of its own.';

grant rowkeep_api to :"login";
grant connect on database :"DBNAME" to :"login";

-- Restricted before the first statement, and again after RESET ROLE or DISCARD ALL.
alter role :"login" set role = 'rowkeep_api';

-- Settings come with the login and do not follow SET ROLE: these cannot stand on rowkeep_api.
alter role :"login" set statement_timeout = '5s';
alter role :"login" set lock_timeout = '2s';
alter role :"login" set idle_in_transaction_session_timeout = '10s';
