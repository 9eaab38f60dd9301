-- Looks for: the setting session_replication_role.
-- Why: with `replica` no trigger runs, so clients could keep wrong time stamps and no foreign key is checked.
-- Severity: FAIL. A rule of the tables does not hold.
-- Fix: alter system reset session_replication_role; select pg_reload_conf();
-- Controls: CIS 6.5
select 'RK-512', 'FAIL', 'settings',
       format('session_replication_role is %s', current_setting('session_replication_role')), 'triggers do not run',
       'alter system reset session_replication_role; select pg_reload_conf();', 0
 where current_setting('session_replication_role') <> 'origin'
   -- A stored value has a line of its own.
   and not exists (select
                     from stored_settings s
                     left join roles r on r.oid = s.setrole
                    where s.name = 'session_replication_role' and (s.setrole = 0 or r.rolname = session_user))
