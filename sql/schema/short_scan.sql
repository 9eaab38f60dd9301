-- A limit for a statement that requests wait for, because it reads a whole table or changes it, until the transaction ends.
set local statement_timeout = '10s'
