-- Ends the query of `sql/audit.sql` for `rowkeep audit`: the findings as one text in JSON, before what is accepted.
findings as (
    select id, verdict, area, subject, fact, fix, fixer, 0 as position from together
)

select coalesce(jsonb_agg(to_jsonb(f)), '[]')::text as findings from findings f;

rollback;
