-- Limits the statements of a new connection and its idle time inside a transaction, unless its login has a lower limit.
-- Without a limit in Postgres, a statement could take effect after its client was told that there is no answer.
--   $1 milliseconds, as text
select set_config(name, $1, false)
  from pg_settings
 where name in ('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout')
   and (setting = '0' or setting::bigint > $1::bigint)
