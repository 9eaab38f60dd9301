-- Opens the transaction that reads the catalogue: names are printed with their schemas, and nothing can be changed.
begin transaction isolation level repeatable read, read only;
set local search_path = '';
set local quote_all_identifiers = off;
set local standard_conforming_strings = on;
set local jit = off;
set local statement_timeout = '30s';
set local lock_timeout = '2s';
-- A node of a distributed database that does not answer is left out (milliseconds). PostgreSQL alone ignores it.
set local citus.node_connection_timeout = 1000
