-- Opens the transaction that reads the catalogue: names are printed with their schemas, and nothing can be changed.
begin transaction isolation level repeatable read, read only;
set local search_path = '';
set local quote_all_identifiers = off;
set local standard_conforming_strings = on;
set local jit = off;
set local statement_timeout = '30s';
set local lock_timeout = '2s';
set local idle_in_transaction_session_timeout = '10s';
-- A node of a distributed database that does not answer is left out (milliseconds). PostgreSQL alone ignores it.
set local citus.node_connection_timeout = 1000;
-- PostgreSQL has transaction_timeout from release 17 on.
select set_config(name, '0', true) from pg_settings where name = 'transaction_timeout'
