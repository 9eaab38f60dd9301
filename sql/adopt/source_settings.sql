-- The settings of the transaction that reads the source.
--   row_security   a policy that hides rows makes the query fail; otherwise a part of the table would be copied
--   search_path    every name says its schema
--   lock_timeout   somebody who changes the table can hold a lock on it for ever
--   time limits    reading a large table takes longer than they allow; transaction_timeout is there from PostgreSQL 17 on
select pg_catalog.set_config(name, case name when 'row_security' then 'off' when 'search_path' then ''
                                             when 'lock_timeout' then '10s' else '0' end, true)
  from pg_catalog.pg_settings
 where name operator(pg_catalog.=) any (array['row_security', 'search_path', 'lock_timeout', 'statement_timeout', 'transaction_timeout',
                                             'idle_in_transaction_session_timeout'])
