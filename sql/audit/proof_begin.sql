-- Opens the transaction in which somebody tries, whatever the default is. It is rolled back at its end, and by Postgres
-- if that does not come.
begin read write;
set local search_path = '';
set local standard_conforming_strings = on;
set local statement_timeout = '5s';
set local lock_timeout = '2s';
set local idle_in_transaction_session_timeout = '10s';
-- How many rows the statements that name no column have reached.
select set_config('rowkeep.touched', '0', true)
