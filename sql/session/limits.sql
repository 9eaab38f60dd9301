-- Bounds a new connection's statements and its idling inside a transaction, where its login does not.
--   $1 milliseconds, as text
select set_config(name, $1, false)
  from pg_settings
 where name in ('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout')
   and setting = '0'
