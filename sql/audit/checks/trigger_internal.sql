-- Looks for: disabled internal triggers on tables of app.
-- Why: PostgreSQL checks foreign keys with them.
-- Severity: FAIL. Foreign keys do not hold.
-- Fix: alter table ... enable trigger all;
select 'RK-323', 'FAIL', 'trigger', format('an internal trigger of %s is disabled', t.name),
       'foreign keys are not checked', format('alter table %s enable trigger all;', t.name), 0
  from tables t
 where exists (select from pg_trigger g where g.tgrelid = t.oid and g.tgisinternal and g.tgenabled <> 'O')
