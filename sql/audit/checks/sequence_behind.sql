-- Looks for: sequences of ids that are behind the ids of their table.
-- Why: the rows were loaded without the sequence. A new row gets the id of an old one, and the create fails for the user who
--   has that id.
-- Severity: FAIL if the sequence has never given a number although the table has rows, or if it is below most ids that the
--   statistics know, and fewer rows have changed since. NOTE if the statistics may be older than that, if there are none and
--   the table has more rows than the sequence has given numbers, and if this login may not read the sequence, or the
--   statistics of a table with rows (PostgreSQL shows them to logins that no policy binds).
-- Fix: rowkeep migrate --repair
-- Controls: SOC 2 CC6.1
select 'RK-308', case when x.sure then 'FAIL' else 'NOTE' end, 'table',
       case when x.problem = '' then format('%s is behind the ids of %s', q.name, q.relation)
            else format('whether %s is behind the ids of %s', q.name, q.relation) end,
       case when x.problem <> '' then 'not looked at: this login may not read ' || x.problem
            when x.sure then 'creates get ids that exist, and fail'
            when q.ids is null or q.reltuples <= 0 then 'by the number of rows, because it has no statistics yet: if it is, creates fail'
            else 'by the statistics, and rows have changed since: if it still is, creates fail' end,
       case when x.problem = '' then 'rowkeep migrate --repair' end, null
  from (select t.name as relation, r.name, c.reltuples, l.live, k.ids, k.number,
               -- The last number; null: it may not be read. If it has given none, it can begin with any: ts_stat() runs a text,
               -- as in sql/audit/shared/optional.sql.
               case when has_sequence_privilege(s.seqrelid, 'USAGE, SELECT')
                    then coalesce(pg_sequence_last_value(s.seqrelid),
                                  (select w.word::bigint - 1
                                     from ts_stat(case when has_sequence_privilege(s.seqrelid, 'SELECT')
                                                       then format('select array_to_tsvector(array[last_value::text]) from %s', r.name)
                                                       else 'select null::tsvector where false' end) w), 0) end as position,
               -- The condition of pg_stats.
               not row_security_active(c.oid) and has_column_privilege(c.oid, a.attnum, 'SELECT') as shown,
               -- Changes since the statistics; null: nobody knows.
               case when coalesce(pg_stat_get_last_analyze_time(c.oid), pg_stat_get_last_autoanalyze_time(c.oid)) is not null
                    then pg_stat_get_mod_since_analyze(c.oid) end as changes
          from tables t
          join pg_attribute a on a.attrelid = t.oid and a.attidentity <> ''
          join pg_depend d on d.refobjid = t.oid and d.refobjsubid = a.attnum and d.deptype = 'i'
                          and d.classid = 'pg_class'::regclass
          join pg_sequence s on s.seqrelid = d.objid
          join relations r on r.oid = s.seqrelid
          join pg_class c on c.oid = t.oid
         -- The rows of a distributed table are on its nodes.
         cross join lateral (
               select pg_stat_get_live_tuples(c.oid) + coalesce(sum(n.rows), 0)::bigint as live
                 from node_rows n
                where n."of" = t.name) l
          left join lateral (
               select array_agg(b.bound::bigint) as ids, count(*) as number
                 from pg_stats k
                cross join unnest(k.histogram_bounds::text::text[]) b (bound)
                where k.schemaname = t.nspname and k.tablename = t.relname and k.attname = a.attname) k on true
         -- No lock: another session can have one.
         where c.reltuples > 0 or l.live > 0) q
 -- The number of rows beyond the sequence, when the statistics were made. After TRUNCATE they are of other rows (reltuples is -1).
 cross join lateral (
       select case when q.reltuples > 0 and q.position < any (q.ids)
                   then q.reltuples * (select count(*) from unnest(q.ids) i where i > q.position) / q.number else 0 end) b (beyond)
 cross join lateral (
       select case when q.position is null then 'the sequence'
                   when q.position > 0 and not q.shown then 'the statistics of the table' else '' end,
              coalesce(q.position = 0 and q.live > 0 or q.position > 0 and q.changes < b.beyond, false)) x (problem, sure)
 where x.problem <> '' or x.sure or q.position = 0 or b.beyond > 0
    or (q.ids is null or q.reltuples <= 0) and q.live > q.position
