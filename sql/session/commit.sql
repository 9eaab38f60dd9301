-- Ends the transaction of a request. (Postgres answers ROLLBACK to it after an error, and calls that a success.)
commit
