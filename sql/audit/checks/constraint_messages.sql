-- Looks for: CHECK constraints on tables of app without a comment.
-- Why: the comment is the message that clients read. The server does not start without it.
-- Severity: FAIL, because `rowkeep serve` refuses to start.
-- Fix: comment on constraint ... on ... is '...';
select 'RK-307', 'FAIL', 'constraint', format('%s on %s has no comment', k.conname, t.name),
       'clients get it as the error message',
       format('by hand: comment on constraint %I on %s is ''...'';', k.conname, t.name), null
  from pg_constraint k
  join tables t on t.oid = k.conrelid
 where k.contype = 'c'
   and obj_description(k.oid, 'pg_constraint') is null
