-- Looks for: the setting max_prepared_transactions.
-- Why: sessions of one role can see and end each other's prepared transactions.
-- Severity: NOTE if it is not 0. Rowkeep prepares no transaction, so this concerns other programs. OK otherwise.
-- Fix: none. PostgreSQL needs a restart with max_prepared_transactions = 0.
select 'RK-102', case when setting = '0' then 'OK' else 'NOTE' end, 'server',
       format('max_prepared_transactions is %s', setting),
       case when setting = '0' then 'no prepared transactions'
            else 'sessions of one role can end prepared transactions of one another' end,
       null, null
  from pg_settings
 where name = 'max_prepared_transactions'
