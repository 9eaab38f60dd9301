
-- The report as one text in JSON, with the lines that psql prints for each finding.
select jsonb_build_object(
           'head', (select to_jsonb(h) || jsonb_build_object('lines', (select jsonb_agg(text order by line) from head_lines))
                      from head h),
           'facts', (select jsonb_agg(jsonb_build_object(
                                'id', f.id, 'verdict', f.verdict, 'area', f.area, 'subject', f.subject, 'fact', f.fact,
                                'difference', f.shown, 'fix', f.fix, 'fixer', f.fixer, 'fixed_by', f.fixed_by,
                                'accepted', case when f.verdict = 'ACCEPTED'
                                                 then jsonb_build_object('why', f.why, 'who', f.who, 'until', f.until) end,
                                'lines', (select jsonb_agg(l.text order by l.line) from lines l where l.number = f.number))
                                order by f.number)
                       from fixable f))::text as report
