-- Looks for: foreign servers.
-- Why: the report says that they exist.
-- Severity: NOTE. A privilege on one has a line of its own.
-- Fix: by hand: decide whether it is needed.
select 'RK-811', 'NOTE', 'objects', 'foreign servers: ' || string_agg(quote_ident(s.srvname), ', ' order by s.srvname),
       '', null, null
  from pg_foreign_server s
having count(*) > 0
