-- Looks for: the setting session_replication_role.
-- Why: with `replica` no trigger runs, so clients could keep wrong time stamps and no foreign key is checked.
-- Severity: FAIL. A rule of the tables does not hold.
-- Fix: alter system reset session_replication_role; select pg_reload_conf();
select 62, 'FAIL', 'settings', format('session_replication_role is %s: triggers do not run',
                                      current_setting('session_replication_role')),
       'alter system reset session_replication_role; select pg_reload_conf();'
 where current_setting('session_replication_role') <> 'origin'
