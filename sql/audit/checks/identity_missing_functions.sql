-- Looks for: app.current_user_id() and app.identify(text).
-- Why: policies and requests call them.
-- Severity: FAIL if one is missing. No request can be served.
-- Fix: restore it from the migration that makes it.
-- Controls: CIS 4.7; SOC 2 CC6.1
select 'RK-401', 'FAIL', 'identity', n.name || ' does not exist', 'policies and requests call it',
       'by hand: restore it from migrations/V4__cheaper_identity.sql', null
  from (values ('current_user_id', 'app.current_user_id()'), ('identify', 'app.identify(text)')) n (proname, name)
 -- Not to_regprocedure(): it fails for a role without USAGE on the schema.
 where not exists (select
                     from pg_proc f join schemas s on s.oid = f.pronamespace
                    where f.proname = n.proname and f.oid::regprocedure::text = n.name)
