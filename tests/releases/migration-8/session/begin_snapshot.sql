-- Begins the transaction of a request that reads twice. Both queries see the same snapshot.
begin isolation level repeatable read read only
