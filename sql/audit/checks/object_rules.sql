-- Looks for: rules on tables of app.
-- Why: a rule can replace a statement by another one.
-- Severity: FAIL. Rowkeep uses none.
-- Fix: drop rule ... on ...;
-- Controls: SOC 2 CC6.1
select 'RK-803', 'FAIL', 'objects', format('rule %s on %s', w.rulename, t.name), 'it can replace a statement by another one',
       format('drop rule %I on %s;', w.rulename, t.name), t.relowner
  from pg_rewrite w
  join tables t on t.oid = w.ev_class
