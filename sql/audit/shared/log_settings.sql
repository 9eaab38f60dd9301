-- The settings that decide whether the values of statements reach the server log: those of every session (role 0), and those
-- of a login of requests that has some stored. hidden: this login has a value of its own, so that it does not see the
-- server's.
log_settings (role, holder, name, value, hidden) as (
    select h.oid, h.holder, n.name, v.stored, v.stored is null and v.hidden
      from unnest(array['log_statement', 'log_min_duration_statement', 'log_min_duration_sample', 'log_statement_sample_rate',
                        'log_transaction_sample_rate', 'log_parameter_max_length', 'log_parameter_max_length_on_error',
                        'auto_explain.log_min_duration', 'auto_explain.sample_rate', 'auto_explain.log_parameter_max_length',
                        'pgaudit.log', 'pgaudit.role', 'pgaudit.log_parameter', 'debug_print_parse', 'debug_print_rewritten',
                        'debug_print_plan']) n (name)
      left join pg_settings p on p.name = n.name
     cross join (select 0::oid, 'the server'
                  union
                 select r.oid, format('role %s', r.name)
                   from stored_settings s
                   join roles r on r.oid = s.setrole
                  where s.name ~ '^(log_|debug_print_|auto_explain[.]|pgaudit[.])'
                    and (r.oid in (select oid from logins)
                         or exists (select from memberships m join roles a on a.oid = m.roleid and a.rolname = 'rowkeep_api'
                                     where m.member = r.oid))) h (oid, holder)
     -- A setting of an extension is unknown to pg_settings where the extension is not loaded.
     cross join lateral (
           select p.source in ('user', 'database user', 'client', 'session')
                  or p.name is null and exists (select
                                                  from stored_settings s
                                                  join roles r on r.oid = s.setrole and r.rolname = session_user
                                                 where s.name = n.name)) x (hidden)
     cross join lateral (
           select x.hidden,
                  coalesce((select s.value
                              from stored_settings s
                             where s.name = n.name and s.setrole in (h.oid, 0)
                             order by s.setrole <> 0 desc, s.setdatabase <> 0 desc
                             limit 1),
                           case when not x.hidden then coalesce(p.setting, current_setting(n.name, true)) end)) v (hidden, stored)
),

-- What writes values to the log, and the statements that end it. `settings` names what it depends on.
logged_values (role, holder, settings, harm, fix) as (
    select e.role, e.holder, c.settings, c.harm,
           coalesce((select string_agg(format('alter %s reset %s;', s.altered, s.spelling), ' ' order by s.altered, s.name)
                       from stored_settings s
                      where s.setrole = e.role and s.name = any (c.names)), c.fix)
      from (select s.role, s.holder, jsonb_object_agg(s.name, s.value) as e from log_settings s group by s.role, s.holder) e
     cross join lateral (
           select coalesce(e ->> 'log_parameter_max_length', '-1') !~ z.zero as parameters,
                  concat_ws(', ',
                      case when e ->> 'log_statement' in ('mod', 'all') then 'log_statement = ' || (e ->> 'log_statement') end,
                      case when e ->> 'log_min_duration_statement' !~ '^ *-'
                           then 'log_min_duration_statement = ' || (e ->> 'log_min_duration_statement') end,
                      case when e ->> 'log_min_duration_sample' !~ '^ *-' and e ->> 'log_statement_sample_rate' !~ '^[ 0.]*$'
                           then 'log_min_duration_sample = ' || (e ->> 'log_min_duration_sample') end,
                      case when e ->> 'log_transaction_sample_rate' !~ '^[ 0.]*$'
                           then 'log_transaction_sample_rate = ' || (e ->> 'log_transaction_sample_rate') end) as statements,
                  e ->> 'auto_explain.log_min_duration' !~ '^ *-'
                  and coalesce(e ->> 'auto_explain.sample_rate', '1') !~ '^[ 0.]*$'
                  and coalesce(e ->> 'auto_explain.log_parameter_max_length', '-1') !~ z.zero as plans,
                  (coalesce(e ->> 'pgaudit.log', 'none') !~* '^ *(none)? *$' or coalesce(e ->> 'pgaudit.role', '') <> '')
                  and e ->> 'pgaudit.log_parameter' ~* '^(on|t|y|1)' as audited,
                  -- app.identify() runs SET with the user id in its text. `-misc` alone leaves the class misc_set.
                  e ->> 'pgaudit.log' ~* '(^|[ ,])(all|misc|misc_set)($|[ ,])'
                  and not (e ->> 'pgaudit.log' ~* '-misc($|[ ,])' and e ->> 'pgaudit.log' ~* '-misc_set($|[ ,])') as identified,
                  concat_ws(', ',
                      case when e ->> 'debug_print_parse' ~* '^(on|t|y|1)' then 'debug_print_parse = on' end,
                      case when e ->> 'debug_print_rewritten' ~* '^(on|t|y|1)' then 'debug_print_rewritten = on' end,
                      case when e ->> 'debug_print_plan' ~* '^(on|t|y|1)' then 'debug_print_plan = on' end) as trees,
                  z.zero
             from (values ('^ *0+ *([kMGT]?B)? *$')) z (zero)) l
     cross join lateral (values
           (l.parameters and l.statements <> '', l.statements || ', log_parameter_max_length = '
            || coalesce(e ->> 'log_parameter_max_length', '-1'),
            'the server log gets the values of statements: tasks and user ids',
            array['log_statement', 'log_min_duration_statement', 'log_min_duration_sample', 'log_statement_sample_rate',
                  'log_transaction_sample_rate', 'log_parameter_max_length'],
            'alter system set log_parameter_max_length = 0; select pg_reload_conf();'),
           (e ->> 'log_parameter_max_length_on_error' !~ l.zero,
            'log_parameter_max_length_on_error = ' || (e ->> 'log_parameter_max_length_on_error'),
            'the server log gets the values of statements that fail: tasks and user ids',
            array['log_parameter_max_length_on_error'],
            'alter system set log_parameter_max_length_on_error = 0; select pg_reload_conf();'),
           (l.plans, 'auto_explain.log_min_duration = ' || (e ->> 'auto_explain.log_min_duration'),
            'plans in the server log can have values of statements: tasks and user ids',
            array['auto_explain.log_min_duration', 'auto_explain.sample_rate', 'auto_explain.log_parameter_max_length'],
            'alter system set auto_explain.log_min_duration = -1; select pg_reload_conf();'),
           (l.audited, 'pgaudit.log_parameter = on', 'pgaudit logs the values of statements: tasks and user ids',
            array['pgaudit.log_parameter'],
            'alter system set pgaudit.log_parameter = off; select pg_reload_conf();'),
           (l.identified, 'pgaudit.log = ' || (e ->> 'pgaudit.log'),
            'pgaudit logs each SET, and so the user id of each request',
            array[]::text[],
            'by hand: add -misc and -misc_set to pgaudit.log'),
           (l.trees <> '', l.trees, 'trees of statements in the server log can have values: tasks and user ids',
            array['debug_print_parse', 'debug_print_rewritten', 'debug_print_plan'],
            'alter system reset debug_print_parse; alter system reset debug_print_rewritten; '
            'alter system reset debug_print_plan; select pg_reload_conf();')
           ) c (found, settings, harm, names, fix)
     where c.found
)
