-- Looks for: constraints on tables of app that PostgreSQL does not enforce, or enforces for new rows only.
-- Why: rows can break the rule already.
-- Severity: FAIL. The rule does not hold for every row.
-- Fix: alter table ... validate constraint ...;
select 'RK-306', 'FAIL', 'constraint',
       format('%s on %s, definition %s', k.conname, t.name, left(md5(pg_get_constraintdef(k.oid)), 8)),
       'enforced for new rows only, or not at all',
       case when (to_jsonb(k) ->> 'conenforced') = 'false' then 'by hand: drop it, and add it again as in migrations/'
            else format('alter table %s validate constraint %I;', t.name, k.conname) end,
       t.relowner
  from pg_constraint k
  join tables t on t.oid = k.conrelid
 where not k.convalidated
    or (to_jsonb(k) ->> 'conenforced') = 'false'
