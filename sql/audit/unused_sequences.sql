-- Identity columns whose sequence has never given a number although their table has data. The rows were loaded without the
-- sequence (COPY, `pg_restore --data-only` of the table alone). The size of the table answers this for logins that may not read its
-- rows. One row for each: what is wrong, and the statement that fixes it.
select format('%s has rows, but its sequence %s has never given a number: new rows would get the numbers of old ones',
              c.oid::regclass, s.oid::regclass),
       format('select setval(%L, (select max(%I) from %s));', s.oid::regclass::text, a.attname, c.oid::regclass)
  from pg_class c
  join pg_attribute a on a.attrelid = c.oid and a.attidentity <> ''
  join pg_depend d on d.refobjid = c.oid and d.refobjsubid = a.attnum and d.deptype = 'i'
  join pg_class s on s.oid = d.objid and s.relkind = 'S'
 where c.relnamespace in (to_regnamespace('app'), to_regnamespace('rowkeep'))
   and pg_relation_size(c.oid) > 0
   -- CASE keeps the planner from asking this of relations that are no sequences.
   and case when s.relkind = 'S' and has_sequence_privilege(s.oid, 'USAGE, SELECT')
            then pg_sequence_last_value(s.oid) is null
       end
 order by c.oid::regclass::text
