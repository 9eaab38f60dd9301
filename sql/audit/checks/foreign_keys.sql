-- Looks for: foreign keys to a table of app that do not include user_id on both sides.
-- Why: PostgreSQL checks a foreign key without policies. Its error tells whether a row of another user exists, and ON
--   DELETE can reach that row.
-- Severity: FAIL without user_id on both sides. OK otherwise.
-- Fix: alter table ... drop constraint ...;
-- Controls: SOC 2 CC6.1
select 'RK-305', case when k.users then 'OK' else 'FAIL' end, 'foreign key',
       format('%s on %s: %s', k.conname, k.conrelid::regclass, pg_get_constraintdef(k.oid)),
       case when k.users then '' else 'without user_id it can show and change rows of other users' end,
       case when not k.users then format('alter table %s drop constraint %I;', k.conrelid::regclass, k.conname) end,
       k.relowner
  from (select k.*, r.relowner,
               exists (select from tables t where t.oid = k.conrelid)
               and exists (select
                             from generate_subscripts(k.conkey, 1) i
                             join pg_attribute f on f.attrelid = k.conrelid  and f.attnum = k.conkey[i]
                             join pg_attribute t on t.attrelid = k.confrelid and t.attnum = k.confkey[i]
                            where f.attname = 'user_id' and t.attname = 'user_id') as users
          from pg_constraint k
          join pg_class r on r.oid = k.conrelid
         where k.contype = 'f'
           and k.confrelid in (select oid from tables)) k
