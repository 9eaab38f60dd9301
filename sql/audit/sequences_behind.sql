-- The sequences of ids that may be behind the ids of their table, as far as catalogues tell, for a login that may read the
-- sequence: one that has never given a number although its table has data, or one that is below the largest id or the number
-- of rows that the statistics know (PostgreSQL shows the ids to logins that no policy binds). The rows were loaded without the sequence, by COPY
-- or `pg_restore --data-only` of the table alone.
--   problem, fix   what is wrong, and the statement that fixes it
--   behind         the query that tells whether it is. Data can be that of deleted rows; a login that policies bind trusts the
--                  number of rows in the statistics
select format('%s has rows, but its sequence %s has never given a number, or is behind them: new rows would get the ids of '
              'old ones', c.oid::regclass, s.oid::regclass) as problem,
       format('select setval(%L, (select max(%I) from %s));', s.oid::regclass::text, a.attname, c.oid::regclass) as fix,
       case when o.is_open
            then format('select exists (select from %s where %I >= (select last_value + is_called::integer from %s))',
                        c.oid::regclass, a.attname, s.oid::regclass)
            else format('select last_value + is_called::integer <= 1 from %s', s.oid::regclass) end as behind
  from pg_class c
  join pg_attribute a on a.attrelid = c.oid and a.attidentity <> ''
  join pg_depend d on d.refobjid = c.oid and d.refobjsubid = a.attnum and d.deptype = 'i'
                  and d.classid = 'pg_class'::regclass
  join pg_class s on s.oid = d.objid and s.relkind = 'S'
  join pg_namespace n on n.oid = c.relnamespace
  left join pg_stats t on t.schemaname = n.nspname and t.tablename = c.relname and t.attname = a.attname
 cross join lateral (
       select has_column_privilege(c.oid, a.attnum, 'SELECT') and not row_security_active(c.oid)) o (is_open)
 where n.nspname in ('app', 'rowkeep')
   and c.relowner = to_regrole('rowkeep_owner')
   and pg_relation_size(c.oid) > 0
   and (o.is_open or pg_stat_get_live_tuples(c.oid) > 0)
   -- CASE keeps the planner from asking this of relations that are no sequences.
   and case when s.relkind = 'S' and has_sequence_privilege(s.oid, 'SELECT')
            then coalesce(pg_sequence_last_value(s.oid)
                          < greatest((select max(b.bound::bigint) from unnest(t.histogram_bounds::text::text[]) b (bound)),
                                     case when o.is_open then pg_stat_get_live_tuples(c.oid) end),
                          pg_sequence_last_value(s.oid) is null)
       end
 order by c.oid::regclass::text
