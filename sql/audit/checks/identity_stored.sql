-- Looks for: a value for app.user_id that is stored for a role or a database.
-- Why: a session would begin as that user, before any request says who it is.
-- Severity: FAIL if there is one. OK otherwise.
-- Fix: alter role ... reset app.user_id; or the same for the database.
-- Controls: SOC 2 CC6.1
select 'RK-407', 'FAIL', 'identity', format('%s stores app.user_id = %L', s.holder, s.value),
       'each of its sessions begins as that user', format('alter %s reset %s;', s.altered, s.spelling), s.fixer
  from stored_settings s
 where s.name = 'app.user_id'
union all
select 'RK-407', 'OK', 'identity', 'no role and no database stores a value of app.user_id', '', null, null
 where not exists (select from stored_settings where name = 'app.user_id')
