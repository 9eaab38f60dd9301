-- Begins the transaction of a request that only reads.
begin read only
