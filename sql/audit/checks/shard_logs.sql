-- Looks for: nodes of a distributed database (Citus) whose log has the statements of requests.
-- Why: the statement that the coordinator sends to a node has its values in the text. So a statement that fails writes titles
--   and user ids to the log of that node, whatever the settings for bound values say.
-- Severity: NOTE. OK if no node logs them.
-- Fix: alter system set log_min_error_statement = 'panic'; on the node, with log_statement and log_min_duration_statement off.
-- Controls: SOC 2 CC6.1
select 'RK-343', 'NOTE', 'shards', format('%s logs statements of requests', n.address),
       'with titles and user ids, at least if one fails',
       'by hand: set log_min_error_statement to panic on that node, and log_statement and '
       'log_min_duration_statement off', null
  from nodes n
 where (n.answer ->> 'logs')::boolean
union all
select 'RK-343', 'OK', 'shards', 'no node logs the statements of requests', '', null, null
  from nodes n
having count(*) > 0 and bool_and(not coalesce((n.answer ->> 'logs')::boolean, true))
