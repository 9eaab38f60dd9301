-- A name can contain any character. Here no character of a name can end a line or look like another letter.
numbered as (
    select row_number() over (order by f.id, f.subject collate "C", f.fact collate "C") as number, f.id, f.verdict, rpad(f.area, 11) as area,
           regexp_replace(concat_ws(': ', f.subject, nullif(f.fact, '')), '[^ -~]+', '?', 'g') as fact,
           -- A replaced character would make it a statement about another object.
           'fix: ' || case when f.verdict = 'OK' or f.fix = '' then null
                           when f.fix ~ '[^ -~]' then 'by hand: it takes a name that cannot be printed here'
                           else f.fix end as fix
      from facts f
),

lines (number, line, text) as (
    -- A long fact continues on the next lines. A word that is too long for a line is split.
    select n.number, 10 * p.part + l.number,
           case when p.part = 1 and l.number = 1 then rpad(n.verdict, 6) || n.id || ' ' || n.area || ' ' else repeat(' ', 25) end
           || rtrim(l.words[1])
      from numbered n
     cross join lateral (values (1, n.fact), (1000, n.fix)) p (part, text)
     cross join lateral regexp_matches(regexp_replace(p.text, E'(\\S{85})(?=\\S)', E'\\1 ', 'g'), E'.{1,93}(?:\\s+|$)', 'g')
           with ordinality l (words, number)
    union all
    select 1000000, 0,
           format('%s facts: %s FAIL, %s NOTE', count(*), count(*) filter (where verdict = 'FAIL'),
                  count(*) filter (where verdict = 'NOTE'))
      from numbered
)

select text as audit from lines order by number, line;

rollback;
