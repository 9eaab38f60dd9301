-- A sentence for the operator if the rules for sorting text have changed since the database recorded them. Null if not.
-- An upgrade of the operating system or of ICU changes them.
select string_agg(format('the rules of %s for sorting text have changed from version %s to %s: run `rowkeep audit`',
                         c.name, c.recorded, coalesce(c.actual, '(unknown)')), '; ' order by c.name collate "C") as sentence
  from (select format('database %I', d.datname), d.datcollversion, pg_database_collation_actual_version(d.oid)
          from pg_database d
         where d.datname = current_database()
         union all
        select format('collation %I.%I', n.nspname, k.collname), k.collversion, pg_collation_actual_version(k.oid)
          from pg_collation k
          join pg_namespace n on n.oid = k.collnamespace
         where k.collversion is not null
           and ((n.nspname, k.collname) = ('app', 'letters')
                or exists (select from pg_attribute a where a.attcollation = k.oid and a.attrelid >= 16384)
                or exists (select from pg_index i where k.oid = any (i.indcollation) and i.indexrelid >= 16384))
       ) c (name, recorded, actual)
 where c.recorded <> coalesce(c.actual, '')
