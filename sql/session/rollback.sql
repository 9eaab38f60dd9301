-- Ends the transaction of a request of which something failed, where the COMMIT was skipped as well.
rollback
