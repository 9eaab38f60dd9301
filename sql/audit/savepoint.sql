-- Where an attempt begins.
savepoint attempt
