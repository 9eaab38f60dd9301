-- Looks for: the absence of views, rules, child tables, parent tables and publications.
-- Why: the report says so in one line.
-- Severity: OK, and printed only if there is none of them.
-- Fix: none.
select 'RK-814', 'OK', 'objects',
       'no view, rule, child table, parent table or publication bypasses the policies of app', '', null, null
 where not exists (select from views)
   and not exists (select from child_tables)
   and not exists (select from parent_tables)
   and not exists (select from pg_rewrite w join tables t on t.oid = w.ev_class)
   and not exists (select from pg_publication where puballtables)
   and not exists (select from pg_publication_rel p join tables t on t.oid = p.prrelid)
   and not exists (select from pg_publication_namespace p join schemas n on n.oid = p.pnnspid)
