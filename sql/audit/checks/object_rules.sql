-- Looks for: rules on tables of app.
-- Why: a rule can replace a statement by another one.
-- Severity: FAIL. Rowkeep uses none.
-- Fix: drop rule ... on ...;
select 101, 'FAIL', 'objects', format('rule %s on %s', w.rulename, t.name), format('drop rule %I on %s;', w.rulename, t.name)
  from pg_rewrite w
  join tables t on t.oid = w.ev_class
