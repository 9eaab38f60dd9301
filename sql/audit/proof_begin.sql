-- Opens the transaction of the proof, read-write even if the default is read only. It is rolled back at its end. If the
-- connection is lost, Postgres rolls it back. Each statement is a message of its own: a distributed database (Citus) sends the
-- text of a message with SET LOCAL to its nodes, and its first setting tells it to.
begin read write;
set local citus.propagate_set_commands = 'local';
set local citus.node_connection_timeout = 1000;
set local search_path = '';
set local standard_conforming_strings = on;
set local statement_timeout = '5s';
set local lock_timeout = '2s';
set local idle_in_transaction_session_timeout = '10s';
-- PostgreSQL has transaction_timeout from release 17 on.
select set_config(name, '0', true) from pg_settings where name = 'transaction_timeout';
-- How many rows the statements that name no column have reached.
select set_config('rowkeep.touched', '0', true)
