-- Looks for: extensions other than plpgsql.
-- Why: an extension can bring functions that read other databases or files.
-- Severity: NOTE. Most are harmless, and this audit does not look into them.
-- Fix: by hand: decide whether it is needed.
select 'RK-810', 'NOTE', 'objects', 'extensions: ' || string_agg(quote_ident(e.extname), ', ' order by e.extname),
       '', null, null
  from pg_extension e
 where e.extname <> 'plpgsql'
having count(*) > 0
