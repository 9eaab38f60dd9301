-- `rowkeep audit` ends the query here: it adds drift and proof, then judges all findings with the rest of the frame.
found (id, verdict, area, subject, fact, shown, fix, fixer, position) as (
    select id, verdict, area, subject, fact, null::text, fix, fixer, 0 from together
),
