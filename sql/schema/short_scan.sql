-- A limit for a statement that reads a whole table while requests wait for it, until the transaction ends.
set local statement_timeout = '10s'
