-- Begins the transaction that reads the source: all its queries see the same rows. Postgres may be a pooler's, so that
-- every setting is one of this transaction only.
begin isolation level repeatable read, read only
