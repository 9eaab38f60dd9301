-- The same as identify.sql, on a standby. Says as well how far it has replayed the log: a statement that follows in this
-- transaction sees at least that much, unless all of them share one snapshot.
--   $1 user_id
select app.identify($1), pg_is_in_recovery() as is_standby, pg_last_wal_replay_lsn() as lsn
