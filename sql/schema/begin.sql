-- Begins a transaction that writes, whatever default the login has stored.
begin isolation level read committed read write
