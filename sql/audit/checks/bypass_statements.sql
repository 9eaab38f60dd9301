-- Looks for: extensions that keep the texts of statements inside functions, and who may read them.
-- Why: app.identify() runs SET LOCAL with the user's id in its text. pg_stat_statements keeps it with track = all before
--   PostgreSQL 18, and so lists all users.
-- Severity: NOTE. It shows the ids of users, and no task.
-- Fix: alter system set pg_stat_statements.track = 'top';
-- Controls: SOC 2 CC6.1
select 'RK-619', 'NOTE', 'bypass', r.name || ' may read pg_stat_statements, which keeps user ids',
       'pg_stat_statements.track is all: it records the SET LOCAL of app.identify() with the id of each user',
       'alter system set pg_stat_statements.track = ''top''; select pg_reload_conf();', 0::oid
  from can_use u
  join roles r on r.oid = u.role and not r.rolsuper and not r.predefined
  join roles o on o.oid = u.other and o.rolname = 'pg_read_all_stats'
 where current_setting('pg_stat_statements.track', true) = 'all'
   and current_setting('pg_stat_statements.track_utility', true) <> 'off'
   and current_setting('server_version_num')::integer < 180000
   and u.role <> u.other
