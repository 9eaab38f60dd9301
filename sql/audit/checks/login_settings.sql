-- Looks for: settings that a login of requests, or rowkeep_api, can have stored for itself: other than sql/setup/login.sql does.
-- Why: a role can store settings for itself, and PostgreSQL has no privilege that takes this away. A setting that no
--   administrator remembers can be the work of a person who has the password.
-- Severity: NOTE. The server sets its own values at the start of a session.
-- Fix: alter role ... set ...; to the value of sql/setup/login.sql, or alter role ... reset ...;
-- Controls: CIS 6.6
select 'RK-707', 'NOTE', 'login', format('%s stores %s = %s', s.holder, s.name, s.value),
       'sql/setup/login.sql ' || case when n.name is null then 'does not' else 'stores ' || n.value end,
       case when n.name is null then format('alter %s reset %s;', s.altered, s.spelling)
            else format('alter %s set %s = %L;', s.altered, s.spelling, n.value) end,
       s.fixer
  from stored_settings s
  join roles r on r.oid = s.setrole and (r.oid in (select oid from logins) or r.rolname = 'rowkeep_api')
  left join (values ('role', 'rowkeep_api'), ('statement_timeout', '5s'), ('lock_timeout', '2s'),
                    ('idle_in_transaction_session_timeout', '10s')) n (name, value)
         on n.name = s.name and s.setdatabase = 0 and not r.ours
 where s.value is distinct from n.value
   -- checks/login_limits.sql names a login without a limit.
   and not (s.name ~ '_timeout$' and s.value ~ '^0' and not r.ours)
   -- A login cannot store a setting of superusers, such as temp_file_limit: an administrator did.
   and not exists (select from pg_settings p where p.name = s.name and p.context <> 'user')
   and s.name <> 'app.user_id'
   and not exists (select
                     from reported_settings x
                    where (x.setrole, x.setdatabase, x.name) = (s.setrole, s.setdatabase, s.name))
   -- sql/scale/citus.sql stores these for the coordinator's connections to the nodes.
   and not (s.setrole in (select oid from node_logins) and s.name ~ '^(enable_seqscan|jit)$|_timeout$')
