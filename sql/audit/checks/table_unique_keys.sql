-- Looks for: unique indexes and exclusion constraints that do not begin with user_id, or are not valid.
-- Why: such a key refuses a value because another user has it. The error tells one user about the rows of another.
-- Severity: FAIL, because an insert can look for values of other users. OK otherwise.
-- Fix: alter table ... drop constraint ...; or drop index ...;
select 'RK-304', case when i.indkey[0] = a.attnum and i.indisvalid then 'OK' else 'FAIL' end, 'table',
       format('%s: unique: %s', t.name, pg_get_indexdef(i.indexrelid)),
       concat_ws('; ', case when i.indkey[0] = a.attnum then null else 'does not begin with user_id' end,
                 case when i.indisvalid then null else 'is not valid' end),
       case when i.indkey[0] is distinct from a.attnum or not i.indisvalid
            then coalesce((select format('alter table %s drop constraint %I;', t.name, k.conname)
                             from pg_constraint k
                            where k.conindid = i.indexrelid and k.contype in ('p', 'u', 'x')),
                          format('drop index app.%I;', x.relname)) end,
       t.relowner
  from tables t
  join pg_index i on i.indrelid = t.oid and (i.indisunique or i.indisexclusion)
  join pg_class x on x.oid = i.indexrelid
  left join pg_attribute a on a.attrelid = t.oid and a.attname = 'user_id' and not a.attisdropped
