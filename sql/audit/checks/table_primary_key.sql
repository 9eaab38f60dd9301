-- Looks for: a table of app without a primary key.
-- Why: statements find a row by user_id and id, and a distributed database needs user_id in the key.
-- Severity: FAIL. Without it nothing keeps two rows of a user apart.
-- Fix: alter table ... add primary key (user_id, id);
select 'RK-303', 'FAIL', 'table', t.name || ' has no primary key', 'it must begin with user_id',
       format('alter table %s add primary key (user_id, id);', t.name), t.relowner
  from tables t
 where not exists (select from pg_index i where i.indrelid = t.oid and i.indisprimary)
