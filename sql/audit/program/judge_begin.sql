-- Judges the findings of `rowkeep audit`, drift and proof included, with the same frame as `sql/audit.sql`.
--   $1 the findings in JSON   $2 the release of Rowkeep   $3 the host, as DATABASE_URL names it
with recursive
found (id, verdict, area, subject, fact, shown, fix, fixer, position) as (
    select f.id, f.verdict, f.area, f.subject, f.fact, f.shown, f.fix,
           case f.fixer when 'owner' then (select o.oid::text from pg_roles o where o.rolname = 'rowkeep_owner')
                        else f.fixer end, f.position
      from jsonb_to_recordset($1::jsonb) f (id text, verdict text, area text, subject text, fact text, shown text, fix text,
                                            fixer text, position integer)
),

release (release, host) as (select $2::text, $3::text),

