-- Looks for: nothing: the line is always the same.
-- Why: PostgreSQL leaves these covert channels open to every role that may send SQL.
-- Severity: NOTE. They show numbers and the texts of statements, and no row of another user.
-- Fix: none.
select 'RK-821', 'NOTE', 'channel', 'a client that sends SQL as rowkeep_api',
       'can see row estimates (EXPLAIN), sizes, and the statements of its other sessions', null, null
