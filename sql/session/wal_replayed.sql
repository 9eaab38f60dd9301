-- How far a standby has replayed the write-ahead log of its primary; null on a server that has never been a standby.
-- Everything is named in full: outside of a transaction the login's own search path can hold.
select pg_catalog.pg_is_in_recovery() as is_standby, pg_catalog.pg_last_wal_replay_lsn() as lsn
