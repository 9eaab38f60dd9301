-- Looks for: what rowkeep_api may do with each table of app, column by column.
-- Why: the report says it in one line.
-- Severity: always OK. What is too much has a line of its own.
-- Fix: none.
-- Controls: CIS 4.6; SOC 2 CC6.3
select 'RK-501', 'OK', 'grants', 'rowkeep_api on ' || g.relation,
       string_agg(g.text, '; ' order by g.rank, g.text), null, null
  from (select name as relation, 1 as rank, string_agg(privilege, ', ' order by privilege) as text
          from granted where kind = 'table' and nspname = 'app' and wanted
         group by name
         union all
        select t.name, 2, g.privilege || ' of '
                          || string_agg(quote_ident(a.attname), ', ' order by a.attnum)
          from granted g
          join tables t on t.name = g.target
          join pg_attribute a on a.attrelid = t.oid and a.attname = g.part
         where g.kind = 'column' and g.wanted
         group by t.name, g.privilege) g
 group by g.relation
