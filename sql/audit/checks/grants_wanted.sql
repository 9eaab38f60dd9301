-- Looks for: the grants on functions and on the history that policies/ makes.
-- Why: the report says who may call and read what.
-- Severity: always OK. What is too much has a line of its own.
-- Fix: none.
select 81, 'OK', 'grants', format('%s: %s to %s', g.name, string_agg(g.privilege, ', ' order by g.privilege), g.receiver), null
  from granted g
 where g.wanted and (g.kind = 'function' or g.kind = 'table' and g.nspname = 'rowkeep')
 group by g.name, g.receiver
