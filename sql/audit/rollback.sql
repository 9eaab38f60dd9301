-- Rolls the transaction back.
rollback
