-- Commits the transaction of a request. In a failed transaction Postgres answers ROLLBACK, and reports no error.
commit
