-- The identity columns of Rowkeep's tables, and the statements that set their sequences behind the ids that are there.
--   relation, sequence   by name
--   is_open   whether this login sees every row. Otherwise it is the owner, whom the policies bind as well.
--   largest   reads the largest id of all users
--   lift      lets the owner see all rows. It locks the table, and `restore` undoes it before the transaction ends.
--   lock      keeps others from new rows, and so from new numbers. They can read meanwhile.
--   advance   sets the sequence to the largest id, $1, if the next number is not beyond it. No row: it is.
select c.oid::regclass::text                                                                  as relation,
       s.oid::regclass::text                                                                  as sequence,
       not row_security_active(c.oid)                                                         as is_open,
       format('select max(%I)::bigint from %s', a.attname, c.oid::regclass)                   as largest,
       format('alter table %s no force row level security', c.oid::regclass)                  as lift,
       format('alter table %s force row level security', c.oid::regclass)                     as restore,
       format('lock table %s in share mode', c.oid::regclass)                                 as lock,
       format('select setval(%L, $1) from %s where last_value + is_called::integer <= $1', s.oid::regclass::text,
              s.oid::regclass)                                                                as advance
  from pg_class c
  join pg_attribute a on a.attrelid = c.oid and a.attidentity <> ''
  join pg_depend d on d.refobjid = c.oid and d.refobjsubid = a.attnum and d.deptype = 'i'
                  and d.classid = 'pg_class'::regclass
  join pg_class s on s.oid = d.objid and s.relkind = 'S'
 where c.relnamespace in (to_regnamespace('app'), to_regnamespace('rowkeep'))
   and c.relkind in ('r', 'p')
   and c.relowner = 'rowkeep_owner'::regrole
 order by c.oid::regclass::text
