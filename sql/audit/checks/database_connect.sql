-- Looks for: PUBLIC with the privilege to connect to this database, which PostgreSQL grants by default, and the logins of
--   other databases in the cluster that can connect because of it.
-- Why: roles belong to the whole cluster. The login of another environment is a member of rowkeep_api here as well: once it
--   is connected, it can call app.identify() with the id of any user.
-- Severity: FAIL for a login of requests that serves another database of the cluster, and may connect here through PUBLIC
--   alone. NOTE if PUBLIC may connect and there is no such login.
-- Fix: grant connect to each login by name, then revoke connect on database ... from public;
select 'RK-106', 'FAIL', 'database', format('%s serves %s', g.name, g.serves),
       format('it can read and change every row of %I: it may connect because public may', current_database()),
       format('revoke connect on database %I from public;', current_database()),
       (select datdba from pg_database where datname = current_database())
  from database_guests g
union all
select 'RK-106', 'NOTE', 'database', 'public may connect',
       format('grant connect on %I to its logins by name, and revoke it from public', d.datname),
       format('revoke connect on database %I from public;', d.datname), d.datdba
  from pg_database d
 cross join aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a
 where d.datname = current_database()
   and a.privilege_type = 'CONNECT'
   and a.grantee = 0
   and not exists (select from database_guests)
