-- The facts about roles: what the subject says before and after the name of the role, and about how many it says the same.
named as (
    select f.*, coalesce(m.parts[1], '') as before, m.parts[2] as name, m.parts[3] as after,
           case when m.parts is null then 1
                else count(*) over (partition by f.id, f.verdict, m.parts[1], m.parts[3], f.fact) end as number
      from facts f
      left join lateral (
           select regexp_match(f.subject, '^(a client that sends SQL as )?("(?:[^"]|"")+"|[^" ]+)( .*)?$') as parts
            where f.id ~ '^RK-(60.|61[0-2]|619|620|622|70[3-9])$' and f.verdict in ('OK', 'NOTE')
              -- The roles of Rowkeep have lines of their own.
              and f.subject !~ '^rowkeep_(owner|api|auditor) ') m on true
),

-- Where a check says the same about more than three roles, they share one line: groups of companies have many members.
together (id, verdict, area, subject, fact, fix, fixer) as (
    select n.id, n.verdict, n.area, n.subject, n.fact, n.fix, n.fixer from named n where n.number <= 3
    union all
    select g.id, g.verdict, g.area,
           format('%s%s of %s%s%s', g.before, case g.before when '' then 'each' else 'one' end, array_to_string(g.names[1:10], ', '),
                  -- A digest of all names: with one more it is another finding.
                  case when g.number > 10
                       then format(' and %s more (%s)', g.number - 10, left(md5(array_to_string(g.names, ',')), 8)) end,
                  g.after),
           g.fact,
           case when g.by_hand or cardinality(g.fixes) > 3
                then 'by hand, for each of them: ' || regexp_replace(g.fixes[1], '^by hand: ', '')
                else array_to_string(g.fixes, ' ') end,
           g.fixer
      from (select n.id, n.verdict, n.area, n.before, n.after, n.fact, n.number,
                   array_agg(n.name order by n.name collate "C") as names,
                   array_agg(distinct n.fix) filter (where n.fix <> '') as fixes,
                   coalesce(bool_or(n.fix ~ '^by hand'), false) as by_hand,
                   case when min(n.fixer) filter (where n.fix <> '') = max(n.fixer) filter (where n.fix <> '')
                        then min(n.fixer) filter (where n.fix <> '') else '0' end as fixer
              from named n
             where n.number > 3
             group by n.id, n.verdict, n.area, n.before, n.after, n.fact, n.number) g
),

