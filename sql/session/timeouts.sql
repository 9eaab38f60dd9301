-- Bounds a new connection's statements and its idling inside a transaction, where its login does not, or less tightly:
-- what Postgres has not ended itself could still happen after its client was told that there is no answer.
--   $1 milliseconds, as text
select set_config(name, $1, false)
  from pg_settings
 where name in ('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout')
   and (setting = '0' or setting::bigint > $1::bigint)
