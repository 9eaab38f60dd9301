-- Looks for: a value of app.user_id in the session of this audit.
-- Why: then the configuration of the server gives every session that user, or the client of this audit does.
-- Severity: FAIL. A transaction without an identity must see no row.
-- Fix: by hand: look into postgresql.conf and PGOPTIONS.
-- Controls: SOC 2 CC6.1
select 'RK-408', 'FAIL', 'identity', 'this session began with a user',
       'the server or the client sets app.user_id',
       'by hand: remove app.user_id from postgresql.conf (alter system reset app.user_id;) and PGOPTIONS', null
 where current_setting('app.user_id', true) <> ''
   -- A stored value has a line of its own.
   and not exists (select
                     from stored_settings s
                     left join roles r on r.oid = s.setrole
                    where s.name = 'app.user_id' and (s.setrole = 0 or r.rolname = session_user))
