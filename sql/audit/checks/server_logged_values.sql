-- Looks for: settings that write the values of statements to the server log: those of PostgreSQL, of auto_explain and of
--   pgaudit, for the server and stored for a database or a login of requests.
-- Why: the values are tasks and user ids, and policies do not protect a log. Requests send values as parameters, so their
--   statements alone do not show any.
-- Severity: NOTE, because only readers of the log see them, or where a value of this login hides that of the server: then it
--   is not looked at. OK otherwise. A person who writes a value into the text of a statement can find it in the log always.
-- Fix: alter system set log_parameter_max_length = 0; and the like, or alter role ... reset ...;
select 'RK-103', 'NOTE', 'server', format('%s has %s', v.holder, v.settings), v.harm, v.fix,
       case when v.fix !~ '^by hand' then 0 end
  from logged_values v
 -- A login that has the same as everybody gets no line of its own.
 where not exists (select from logged_values o where o.role = 0 and v.role <> 0 and o.settings = v.settings)
union all
select 'RK-103', 'NOTE', 'server', string_agg(s.name, ', ' order by s.name),
       'not looked at: a value of this login, or of its client, hides the value of the server', null, null
  from log_settings s
 where s.hidden and s.role = 0
having count(*) > 0
union all
select 'RK-103', 'OK', 'server', 'no setting writes the values of requests to the server log', '', null, null
 where not exists (select from logged_values)
   and not exists (select from log_settings s where s.hidden)
