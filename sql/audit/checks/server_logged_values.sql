-- Looks for: settings that write the values of statements to the server log.
-- Why: the values are tasks and user ids, and policies do not protect a log.
-- Severity: NOTE, because only readers of the log see them. OK otherwise.
-- Fix: alter system set log_parameter_max_length = 0; and the same for log_parameter_max_length_on_error.
select 'RK-103', case when l.errors = '0' and (l.quiet or l.length = '0') then 'OK' else 'NOTE' end, 'server',
       case when l.errors = '0' and (l.quiet or l.length = '0') then 'the server log contains no parameter values'
            else 'the server log can contain parameter values' end,
       case when l.errors = '0' and (l.quiet or l.length = '0') then '' else 'tasks and user ids' end,
       case when l.errors = '0' and (l.quiet or l.length = '0') then null
            else 'alter system set log_parameter_max_length = 0; '
                 'alter system set log_parameter_max_length_on_error = 0; select pg_reload_conf();' end,
       0
  from (select current_setting('log_parameter_max_length')          as length,
               current_setting('log_parameter_max_length_on_error') as errors,
               current_setting('log_statement') = 'none'
               and current_setting('log_min_duration_statement') = '-1'
               and (current_setting('log_min_duration_sample') = '-1'
                    or current_setting('log_statement_sample_rate') = '0')
               and current_setting('log_transaction_sample_rate') = '0' as quiet) l
