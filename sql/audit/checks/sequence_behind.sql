-- Looks for: sequences of ids that are behind the ids of their table.
-- Why: the rows were loaded without the sequence. A new row gets the id of an old one, and the create fails for the user who
--   has that id.
-- Severity: FAIL if the sequence has never given a number although the table has rows, or if it is below the largest id that
--   the statistics know. NOTE if this login may not read the sequence of a table with rows.
-- Fix: rowkeep migrate --repair
-- Controls: SOC 2 CC6.1
select 'RK-308', case when q.position is null then 'NOTE' else 'FAIL' end, 'table',
       case when q.position is null then format('whether %s is behind the ids of %s', q.name, q.relation)
            else format('%s is behind the ids of %s', q.name, q.relation) end,
       case when q.position is null then 'not looked at: this login may not read the sequence'
            else 'creates get ids that exist, and fail' end,
       case when q.position is not null then 'rowkeep migrate --repair' end, null
  from (select t.name as relation, r.name,
               -- Null: it may not be read. 0: it has given no number.
               case when has_sequence_privilege(s.seqrelid, 'USAGE, SELECT') then coalesce(pg_sequence_last_value(s.seqrelid), 0) end
               as position,
               (select max(b.bound::bigint)
                  from pg_stats k
                 cross join unnest(k.histogram_bounds::text::text[]) b (bound)
                 where k.schemaname = t.nspname and k.tablename = t.relname and k.attname = a.attname) as largest
          from tables t
          join pg_attribute a on a.attrelid = t.oid and a.attidentity <> ''
          join pg_depend d on d.refobjid = t.oid and d.refobjsubid = a.attnum and d.deptype = 'i'
                          and d.classid = 'pg_class'::regclass
          join pg_sequence s on s.seqrelid = d.objid
          join relations r on r.oid = s.seqrelid
          join pg_class c on c.oid = t.oid
         -- No lock: another session can have one.
         where c.reltuples > 0 or pg_stat_get_live_tuples(c.oid) > 0) q
 where q.position is null
    or q.position = 0
    or q.position < q.largest
