-- Begins the transaction of a request that writes.
begin
