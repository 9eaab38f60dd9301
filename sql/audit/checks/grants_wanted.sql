-- Looks for: the grants on functions and on the history that policies/ makes.
-- Why: the report says who may call and read what.
-- Severity: always OK. What is too much has a line of its own.
-- Fix: none.
-- Controls: SOC 2 CC6.3
select 'RK-502', 'OK', 'grants', g.name,
       format('%s to %s', string_agg(g.privilege, ', ' order by g.privilege), g.receiver), null, null
  from granted g
 where g.wanted and (g.kind = 'function' or g.kind = 'table' and g.nspname = 'rowkeep')
 group by g.name, g.receiver
