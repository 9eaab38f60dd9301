-- Looks for: further functions named current_user_id or identify in app, with other arguments.
-- Why: a call with another type of argument would run the other function.
-- Severity: FAIL. A request could take on its identity from the wrong function.
-- Fix: drop routine ...;
-- Controls: SOC 2 CC6.1
select 'RK-404', 'FAIL', 'identity',
       format('%s is a second function app.%s', f.oid::regprocedure, f.proname), 'a call can reach it by mistake',
       format('drop routine %s;', f.oid::regprocedure), f.proowner
  from pg_proc f
  join schemas s on s.oid = f.pronamespace
 where s.nspname = 'app'
   and (f.proname = 'current_user_id' and f.pronargs > 0
        or f.proname = 'identify' and f.proargtypes <> array['text'::regtype::oid]::oidvector)
