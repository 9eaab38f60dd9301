-- Looks for: logins of requests, and the tables of app that they can lock.
-- Why: LOCK TABLE wants DELETE, TRUNCATE, MAINTAIN or UPDATE on the whole table, and then allows every mode. A login may also
--   do with its own sessions, settings and password what it likes. PostgreSQL has no privilege for any of this.
-- Severity: NOTE. Others wait or are cut off; no row of another user is shown. Only SQL that is not of Rowkeep can do it.
-- Fix: none. Requests need DELETE, and the server ends its own lost sessions.
select 'RK-708', 'NOTE', 'channel', format('a client that sends SQL as %s', l.name),
       format('can end and watch its other sessions, lift its time limits, %schange its settings and its password',
              'lock ' || string_agg(t.name, ', ' order by t.name collate "C") || ', and '),
       null, null
  from logins l
  left join tables t on exists (
       select
         from aclexplode(t.relacl) a
         join can_use u on u.role = l.oid and u.other = a.grantee or a.grantee = 0
        where a.privilege_type in ('DELETE', 'TRUNCATE', 'UPDATE', 'MAINTAIN'))
 group by l.name
