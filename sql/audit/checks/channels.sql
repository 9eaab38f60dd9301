-- Looks for: nothing: the line is always the same.
-- Why: PostgreSQL closes these covert channels to nobody who may send SQL.
-- Severity: NOTE. They show numbers and the texts of statements, and no row of another user.
-- Fix: none.
select 120, 'NOTE', 'channel',
       'whoever sends SQL as rowkeep_api can see row estimates (EXPLAIN), sizes, and the texts of its other sessions', null
