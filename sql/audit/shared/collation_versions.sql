-- The version of the rules for sorting text: as it was recorded, and as the libraries of the server have it now. For the
-- database, and for each collation that a column or an index uses. sql/session/collation_version.sql reads the same.
collation_versions (name, word, recorded, actual) as (
    select format('database %I', d.datname), ' collation', d.datcollversion, pg_database_collation_actual_version(d.oid)
      from pg_database d
     where d.datname = current_database()
    union all
    select format('collation %I.%I', n.nspname, k.collname), '', k.collversion, pg_collation_actual_version(k.oid)
      from pg_collation k
      join pg_namespace n on n.oid = k.collnamespace
     where k.collversion is not null
       and (exists (select from pg_attribute a where a.attcollation = k.oid and a.attrelid >= 16384)
            or exists (select from pg_index i where k.oid = any (i.indcollation) and i.indexrelid >= 16384))
)
