-- Begins a transaction that may change tables. A distributed database (Citus) sends these settings on to the nodes: on a shard,
-- too, a statement fails that the policies would filter. PostgreSQL alone ignores the first.
set local citus.propagate_set_commands = 'local';
set local row_security = off
