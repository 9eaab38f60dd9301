-- Begins a transaction without time limits, whatever the login has stored: a migration, or a copy of many rows, takes longer
-- than they allow. transaction_timeout is there from PostgreSQL 17 on.
begin isolation level read committed read write;

select set_config(name, '0', true)
  from pg_settings
 where name in ('statement_timeout', 'transaction_timeout', 'idle_in_transaction_session_timeout')
