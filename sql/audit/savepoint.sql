-- Marks the beginning of an attempt.
savepoint attempt
