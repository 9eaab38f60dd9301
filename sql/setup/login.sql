-- Creates the recommended login for `rowkeep serve`. It has no privileges of its own, is a member of rowkeep_api from its
-- first statement, and has time-outs. Run it once with psql, after `rowkeep migrate`, as the migrating login or an
-- administrator:
--
--   LOGIN_PASSWORD='a long random text' psql "$MIGRATION_DATABASE_URL" -v ON_ERROR_STOP=1 \
--        -v login=rowkeep_login -f sql/setup/login.sql
--
-- The password is a variable because every user of the machine can read the flags of psql. `-v password=…` works, too.
--
-- If the cluster has other databases, add `-v exclusive=1`: see the end of this file. `-v connections=50` limits how many
-- connections the login can open.
--
-- Create the login with this file and not in the console of a hosting service: consoles often give roles BYPASSRLS.

\if :{?password}
\else
\getenv password LOGIN_PASSWORD
\endif

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

-- A login can change the settings above for itself, and its password: PostgreSQL cannot forbid it. It cannot change this
-- limit. Without it, a person who has the password can take every connection of the server. During an upgrade the old and the
-- new servers are there at the same time: use at least twice the DATABASE_POOL_SIZE of all servers together.
\if :{?connections}
alter role :"login" connection limit :connections;
\endif

-- With `-v exclusive=1`, only logins that are granted CONNECT by name can connect to this database. Do this if the cluster
-- has other databases of Rowkeep, such as those of another environment: roles belong to the whole cluster, so their logins
-- could read this database, too. The owner of the database must run it. It also locks out monitoring and backups that have
-- no grant: the list says whom.
\if :{?exclusive}
\else
\set exclusive 0
\endif
\if :exclusive
revoke connect on database :"DBNAME" from public;

do $$
begin
    -- For a role that may not revoke it, REVOKE is a warning and no error.
    if exists (select
                 from pg_database d
                cross join aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a
                where d.datname = current_database()
                  and a.grantee = 0
                  and a.privilege_type = 'CONNECT') then
        raise exception 'PUBLIC may still connect to database %', current_database()
            using hint = 'Run this as the owner of the database or as a superuser.';
    end if;
end
$$;

select rolname as "can no longer connect",
       format('grant connect on database %I to %I;', current_database(), rolname) as "unless you run"
  from pg_roles
 where rolcanlogin
   and not has_database_privilege(oid, current_database(), 'CONNECT')
 order by rolname collate "C";
\endif
