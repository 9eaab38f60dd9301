-- The end of the write-ahead log of the primary; null on a standby. It runs after the COMMIT, so that it is not before the
-- record of that commit. Everything is named in full: outside of a transaction the login's own search path can hold.
--   file   the name of its file, which begins with the timeline
select case when not pg_catalog.pg_is_in_recovery() then pg_catalog.pg_current_wal_insert_lsn() end as lsn,
       case when not pg_catalog.pg_is_in_recovery()
            then pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_insert_lsn()) end as file
