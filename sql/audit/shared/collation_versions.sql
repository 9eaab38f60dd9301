-- The version of the rules for letters: as it was recorded, and as the libraries of the server have it now. For the
-- database, for each collation that a column or an index uses, and for that of searches. sql/session/collation_version.sql
-- reads the same. indexed: whether an index can have its order.
collation_versions (name, word, recorded, actual, indexed, owner) as (
    select format('database %I', d.datname), ' collation', d.datcollversion, pg_database_collation_actual_version(d.oid), true, d.datdba
      from pg_database d
     where d.datname = current_database()
    union all
    select format('collation %I.%I', n.nspname, k.collname), '', k.collversion, pg_collation_actual_version(k.oid), u.used, k.collowner
      from pg_collation k
      join pg_namespace n on n.oid = k.collnamespace
      -- One hash for all collations: a search for each of them takes as long as all other checks together.
     cross join lateral (
              select k.oid in (select a.attcollation from pg_attribute a where a.attrelid >= 16384
                                union all
                               select unnest(i.indcollation) from pg_index i where i.indexrelid >= 16384)) u (used)
     where k.collversion is not null
       and (u.used or (n.nspname, k.collname) = ('app', 'letters'))
)
