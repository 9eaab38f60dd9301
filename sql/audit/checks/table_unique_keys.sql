-- Looks for: unique indexes and exclusion constraints that do not keep the users apart: they must begin with user_id, in the
--   collation of the column, compared by PostgreSQL's own `=`; and indexes that are not valid.
-- Why: such a key refuses a value because another user has it. The error tells one user about the rows of another.
-- Severity: FAIL, because an insert can look for values of other users. OK otherwise.
-- Fix: alter table ... drop constraint ...; or drop index ...;
-- Controls: SOC 2 CC6.1
select 'RK-304', case when p.problems = '' then 'OK' else 'FAIL' end, 'table',
       format('%s: unique: %s', t.name, coalesce(k.conname || ' ' || nullif(pg_get_constraintdef(k.oid), ''),
                                                 pg_get_indexdef(i.indexrelid))),
       p.problems,
       case when p.problems <> ''
            then coalesce((select format('alter table %s drop constraint %I;', t.name, k.conname)
                             from pg_constraint k
                            where k.conindid = i.indexrelid and k.contype in ('p', 'u', 'x')),
                          format('drop index app.%I;', x.relname)) end,
       t.relowner
  from tables t
  join pg_index i on i.indrelid = t.oid and (i.indisunique or i.indisexclusion)
  join pg_class x on x.oid = i.indexrelid
  join pg_opclass c on c.oid = i.indclass[0]
  left join pg_constraint k on k.conindid = i.indexrelid and k.conrelid = t.oid and k.contype = 'x'
  left join pg_attribute a on a.attrelid = t.oid and a.attname = 'user_id' and not a.attisdropped
 cross join lateral (
       select concat_ws('; ',
                  case when i.indkey[0] is distinct from a.attnum then 'does not begin with user_id'
                       when i.indcollation[0] <> a.attcollation then 'compares user_id by another collation'
                       when i.indisexclusion
                            and k.conexclop[1] <> 'pg_catalog.=(pg_catalog.text,pg_catalog.text)'::regoperator
                            or not i.indisexclusion and c.opcnamespace <> 'pg_catalog'::regnamespace
                       then 'does not compare user_id by PostgreSQL''s own =' end,
                  case when i.indisvalid then null else 'is not valid' end) as problems) p
