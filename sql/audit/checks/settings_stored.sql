-- Looks for: settings stored for a login of requests, or for all roles or the database, that change how statements run.
-- Why: a stored search_path can put the operators of others before those of PostgreSQL, and a stored
--   session_replication_role switches triggers off.
-- Severity: FAIL for these two cases. NOTE for the rest, because the server sets its own values at the start of a
--   session.
-- Fix: alter role ... reset ...; or the same for the database.
-- Controls: CIS 6.6
select 'RK-511',
       case when s.name = 'session_replication_role' or s.name = 'search_path' and s.value ~* '.,.*pg_catalog'
                then 'FAIL' else 'NOTE' end, 'settings',
       format('%s stores %s = %s', s.holder, s.name, s.value),
       case s.name when 'session_replication_role' then 'triggers do not run'
                   when 'search_path' then case when s.value ~* '.,.*pg_catalog'
                                                then 'operators of other schemas are found before those of PostgreSQL'
                                                else 'the server sets an empty one for its sessions' end
                   when 'role' then case when s.setrole = 0 then 'sessions of its members start as that role, also those that migrate'
                                         else 'its sessions start as that role' end
                   when 'row_security' then 'a role to which policies apply gets an error'
                   else '' end,
       case when s.name = 'default_transaction_read_only' then 'set default_transaction_read_only = off; ' else '' end
       || case when s.name = 'role' and s.setrole = 0 then 'set role none; ' else '' end
       || format('alter %s reset %s;', s.altered, s.spelling), s.fixer
  from reported_settings s
 -- What is logged has a line of its own. Roles that do not serve requests may store what they like.
 where s.name !~ '^(log_|auto_explain[.]|pgaudit[.]|debug_print_)'
   and (s.setrole = 0 or s.setrole in (select oid from serving_roles))
