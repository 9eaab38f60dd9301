-- Opens the transaction of the proof, read-write even if the default is read only. It is rolled back at its end. If the
-- connection is lost, Postgres rolls it back.
begin read write;
set local search_path = '';
set local standard_conforming_strings = on;
set local statement_timeout = '5s';
set local lock_timeout = '2s';
set local idle_in_transaction_session_timeout = '10s';
-- How many rows the statements that name no column have reached.
select set_config('rowkeep.touched', '0', true)
