-- Changed columns, constraints and keys.
--   damage    the statements that a superuser runs
--   notices   the facts that the audit must report then
--   by_hand   whether a fix is left to a person
with tables as (
    select c.oid, format('%I.%I', n.nspname, c.relname) as name
      from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where n.nspname = 'app' and c.relkind in ('r', 'p')
),

columns as (
    select t.oid, t.name as relation, a.attname, quote_ident(a.attname) as name, a.attnotnull, a.attidentity, a.atthasdef,
           a.atttypid, format('FAIL drift column %s.%I', t.name, a.attname) as drift,
           exists (select from pg_index i
                    where i.indrelid = t.oid and i.indisprimary and a.attnum = any (i.indkey)) as in_key
      from tables t
      join pg_attribute a on a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped
),

constraints as (
    select t.name as relation, quote_ident(k.conname) as name, k.contype, pg_get_constraintdef(k.oid) as definition,
           format('FAIL drift constraint %I on %s', k.conname, t.name) as drift, obj_description(k.oid, 'pg_constraint') as message
      from pg_constraint k
      join tables t on t.oid = k.conrelid
),

mutants (rank, damage, notices, by_hand) as (
    select 1, format('alter table %s drop constraint %s', k.relation, k.name),
           array[format('%s is declared, but does not exist', k.drift),
                 case k.contype when 'p' then format('FAIL table %s has no primary key', k.relation) end],
           false
      from constraints k where k.contype in ('c', 'p', 'u')
    union all
    select 2, format('alter table %s drop constraint %s, add constraint %s check (true); comment on constraint %s on %s is %L',
                     k.relation, k.name, k.name, k.name, k.relation, k.message),
           array[format('%s is not as declared', k.drift)], false
      from constraints k where k.contype = 'c'
    union all
    select 3, format('alter table %s drop constraint %s, add constraint %s %s not valid; comment on constraint %s on %s is %L',
                     k.relation, k.name, k.name, k.definition, k.name, k.relation, k.message),
           array[format('%s is not as declared', k.drift),
                 format('FAIL constraint %s on %s, definition .. : enforced for new rows only', k.name, k.relation)], false
      from constraints k where k.contype = 'c'
    union all
    select 5, format('comment on constraint %s on %s is null', k.name, k.relation),
           array[format('FAIL constraint %s on %s has no comment', k.name, k.relation),
                 format('FAIL drift comment on constraint %s on %s is declared, but does not exist', k.name, k.relation)], false
      from constraints k where k.contype = 'c'
    union all
    select 6, format('alter table %s drop constraint %s, add constraint %s primary key (id)', k.relation, k.name, k.name),
           array[format('%s is not as declared', k.drift), format('FAIL table %s: unique: .. does not begin with user_id',
                                                                  k.relation)], false
      from constraints k where k.contype = 'p'
    union all
    select 7, format('alter table %s drop constraint %s, add constraint %s primary key (id, user_id)', k.relation, k.name, k.name),
           array[format('%s is not as declared', k.drift), format('FAIL table %s: unique: .. does not begin with user_id',
                                                                  k.relation)], false
      from constraints k where k.contype = 'p'
    union all
    select 8, format(v.damage, c.relation, c.name, c.name || v.number),
           array[format('FAIL drift ' || v.drift, c.name || v.number, c.relation),
                 format('FAIL table %s: unique: .. %s', c.relation,
                        format('oracle_%s%s .. does not begin with user_id', replace(c.name, '"', ''), v.number))], false
      from columns c
     cross join (values (1, 'alter table %s add constraint oracle_%3$s unique (%2$s)', 'constraint oracle_%s on %s exists'),
                        (2, 'create unique index oracle_%3$s on %1$s (%2$s)', 'index app.oracle_%s exists'),
                        (3, 'alter table %s add constraint oracle_%3$s exclude using btree (%2$s with =)',
                            'constraint oracle_%s on %s exists')) v (number, damage, drift)
     where c.attname <> 'user_id'
    union all
    select 9, format('create unique index oracle on %s (lower(user_id))', t.name),
           array['FAIL drift index app.oracle exists, but is not declared',
                 format('FAIL table %s: unique: .. does not begin with user_id', t.name)], false
      from tables t
    union all
    select 10, format('alter table %s alter column %s drop not null', c.relation, c.name),
           array[c.drift || ' is not as declared'], true
      from columns c where c.attnotnull and not c.in_key and c.attidentity = ''
    union all
    select 11, format('alter table %s alter column %s drop default', c.relation, c.name),
           array[c.drift || ' is not as declared',
                 case c.attname when 'user_id' then format('FAIL table %s: user_id text collate "C" not null: must be', c.relation) end,
                 case c.attname when 'user_id'
                      then format('FAIL proof %s: not tried, because no row could be created', c.relation) end],
           c.attname <> 'user_id'
      from columns c where c.atthasdef
    union all
    select 12, format('alter table %s alter column %s set default %s', c.relation, c.name, d.value),
           array[c.drift || ' is not as declared',
                 case c.attname when 'user_id' then format('FAIL table %s: user_id text collate "C" not null default', c.relation) end],
           c.attname <> 'user_id'
      from columns c
      join (values ('text'::regtype, '''somebody'''), ('text', 'current_user'), ('text', 'current_setting(''app.user_id'', true)'),
                   ('boolean', 'true'), ('timestamptz', 'now()')) d (type, value) on d.type = c.atttypid
    union all
    select 13, format('alter table %s alter column %s set generated by default', c.relation, c.name),
           array[c.drift || ' is not as declared'], true
      from columns c where c.attidentity = 'a'
    union all
    select 14, format('alter table %s alter column %s drop identity', c.relation, c.name),
           array[c.drift || ' is not as declared'], true
      from columns c where c.attidentity = 'a'
    union all
    select 15, format('alter sequence %s maxvalue 2147483647', pg_get_serial_sequence(c.relation, c.attname)),
           array[format('FAIL drift sequence %s is not as declared', pg_get_serial_sequence(c.relation, c.attname))], false
      from columns c where c.attidentity = 'a'
    union all
    select 16, format('alter table %s add column extra text', t.name),
           array[format('FAIL drift column %s.extra exists, but is not declared', t.name)], true
      from tables t
    union all
    select 17, format('alter table %s drop column %s cascade', c.relation, c.name),
           array[c.drift || ' is declared, but does not exist'], true
      from columns c where not c.in_key
    union all
    select 18, format('alter table %s rename column %s to %I', c.relation, c.name, 'renamed_' || c.attname),
           array[c.drift || ' is declared, but does not exist',
                 case c.attname when 'user_id' then format('FAIL table %s: no column user_id', c.relation) end], true
      from columns c
    union all
    select 19, format('alter table %s alter column %s type varchar(1000)', c.relation, c.name),
           array[c.drift || ' is not as declared'], true
      from columns c where c.atttypid = 'text'::regtype and c.attname <> 'user_id'
    union all
    select 20, format('alter table %s add constraint narrow check (%s is not null)', c.relation, c.name),
           array[format('FAIL drift constraint narrow on %s exists, but is not declared', c.relation),
                 format('FAIL constraint narrow on %s has no comment', c.relation)], false
      from columns c where c.attname = 'user_id'
)

select damage, notices, by_hand
  from mutants
 order by rank, damage
