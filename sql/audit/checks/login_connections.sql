-- Looks for: logins of requests without a connection limit.
-- Why: one stolen password then takes every connection of the server, from all its databases. The limit is what the login
--   cannot change for itself.
-- Severity: NOTE. Only a person who has the password can do it.
-- Fix: alter role ... connection limit ...;
-- Controls: CIS 5.5
select 'RK-706', 'NOTE', 'login', format('%s has no connection limit', l.name), 'it can take every connection of the server',
       format('by hand: alter role %s connection limit with twice the DATABASE_POOL_SIZE of all servers together', l.name),
       null
  from logins l
  join pg_roles r on r.oid = l.oid
 where r.rolconnlimit = -1
