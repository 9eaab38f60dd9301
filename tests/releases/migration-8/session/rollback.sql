-- Rolls back the transaction of a request after an error that made Postgres skip the COMMIT, too.
rollback
