-- The statements of the proof for every table of Rowkeep that requests can reach: what user A tries on the rows of user B, and the
-- outcome that each statement must have. `rowkeep audit` runs them as rowkeep_api, like a request, in a transaction that it
-- rolls back.
--   $1   B's user id
--   relation   the table
--   phase      'nobody': in a session that has had no identity yet; 'rows': creates the rows of A and B; 'attack': one
--              attempt; 'prepared': one prepared statement for several users; 'look': reads every row of B
--   actor      'A', 'B', 'nobody' (no identity) or 'empty' (an identity without characters)
--   what       the attempt in words
--   statement  the SQL
--   wanted     'made': it works;   'own': shows the rows of A, and no others;   'no rows': shows none;
--              'changes own': changes the rows of A, and no others;   'changes none': changes none;
--              'refused': insufficient_privilege, or (an insert by nobody) not_null_violation; 22004, if the database is
--              distributed
--
-- An UPDATE or DELETE that names no column of the table never uses the policies for reading, so the proof tries it
-- separately. Without the policies for writing such a statement would lock every row of every user. The condition `few`
-- names no column and lets at most ten rows through. A distributed database (Citus) refuses this condition, and MERGE: there
-- these statements are not tried.
with recursive distribution (is_possible) as (
    select current_setting('citus.shard_count', true) is not null
),

tables as (
    select c.oid, format('%I.%I', n.nspname, c.relname) as name
      from pg_class c
      join pg_namespace n on n.oid = c.relnamespace and n.nspname = 'app'
     where c.relkind in ('r', 'p')
       and (c.relname = 'tasks'
            or (has_table_privilege('rowkeep_api', c.oid, 'DELETE, TRUNCATE, TRIGGER')
                or has_any_column_privilege('rowkeep_api', c.oid, 'SELECT, INSERT, UPDATE, REFERENCES'))
               and (c.relowner = 'rowkeep_owner'::regrole
                    or exists (select
                                 from pg_attribute a
                                 join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
                                where a.attrelid = c.oid and a.attname = 'user_id'
                                  and pg_get_expr(d.adbin, d.adrelid) = 'app.current_user_id()')))
),

few (condition) as (values (
    'case when current_setting(''rowkeep.touched'')::integer < 10 '
    'then set_config(''rowkeep.touched'', (current_setting(''rowkeep.touched'')::integer + 1)::text, true) <> '''' '
    'else false end'
)),

-- A value for each column: a key of a row of the same user if the column is a foreign key, else a value of its type.
columns as (
    select t.oid as relation, quote_ident(a.attname) as name, a.attnum, a.attnotnull and not a.atthasdef as needed,
           r.refers,
           coalesce('(' || r.refers || ')',
                    case y.typcategory when 'S' then quote_literal('proof') when 'N' then '1' when 'B' then 'false'
                                       when 'D' then 'now()' when 'T' then 'interval ''1 day''' when 'A' then '''{}'''
                                       else case y.typname when 'uuid' then 'gen_random_uuid()' when 'json' then '''{}'''
                                                           when 'jsonb' then '''{}''' else 'null' end end) as value,
           has_column_privilege('rowkeep_api', t.oid, a.attnum, 'INSERT') as may_insert,
           has_column_privilege('rowkeep_api', t.oid, a.attnum, 'UPDATE') as may_update
      from tables t
      join pg_attribute a on a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped
      join pg_type y on y.oid = a.atttypid
      left join lateral (
           select format('select p.%I from %s p limit 1', f.attname, k.confrelid::regclass) as refers
             from pg_constraint k
             join pg_attribute f on f.attrelid = k.confrelid
                                and f.attnum = k.confkey[array_position(k.conkey, a.attnum)]
            where k.contype = 'f' and k.conrelid = t.oid and a.attnum = any (k.conkey)
            limit 1) r on true
     where a.attidentity = '' and a.attgenerated = '' and a.attname <> 'user_id'
),

-- The columns that an insert must fill, and at least one column if requests may fill any.
filled as (
    select c.relation, string_agg(c.name, ', ' order by c.attnum) as names, string_agg(c.value, ', ' order by c.attnum) as filling
      from columns c
     where c.needed and c.name not in ('created_at', 'updated_at')
        or c.attnum = (select min(f.attnum)
                         from columns f
                        where f.relation = c.relation and f.may_insert and f.refers is null)
     group by c.relation
),

shapes as (
    select t.oid, t.name, coalesce(', ' || f.names, '') as filled, coalesce(', ' || f.filling, '') as filling,
           case when f.names is null then format('insert into %s default values', t.name)
                else format('insert into %s (%s) values (%s)', t.name, f.names, f.filling) end as creation,
           has_any_column_privilege('rowkeep_api', t.oid, 'UPDATE') as may_update,
           has_table_privilege('rowkeep_api', t.oid, 'DELETE') as may_delete,
           -- A column that requests may change. If there is none, a time stamp or a key, at last the user id.
           coalesce((select format('%s = %s', c.name, c.value)
                       from columns c
                      where c.relation = t.oid and c.refers is null
                      order by c.may_update desc, c.attnum
                      limit 1), 'user_id = current_setting(''app.user_id'', true)') as change,
           (select string_agg(quote_ident(a.attname), ', ' order by a.attnum)
              from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any (i.indkey)
             where i.indrelid = t.oid and i.indisprimary) as key,
           (select string_agg(format('(current_setting(''rowkeep.row'')::jsonb ->> %L)::%s', a.attname,
                                     format_type(a.atttypid, a.atttypmod)), ', ' order by a.attnum)
              from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any (i.indkey)
             where i.indrelid = t.oid and i.indisprimary) as key_of_b
      from tables t
      left join filled f on f.relation = t.oid
),

-- For each table, the tables whose rows must exist first (foreign keys).
needs (oid, other, depth) as (
    select oid, oid, 0 from tables
    union
    select n.oid, k.confrelid, n.depth + 1
      from needs n
      join pg_constraint k on k.conrelid = n.other and k.contype = 'f' and k.confrelid <> k.conrelid
     where n.depth < 9
),

made as (
    select n.oid, s.name, max(n.depth) as depth,
           s.creation as statement
      from needs n
      join shapes s on s.oid = n.other
     group by n.oid, s.oid, s.name, s.creation
),

script (oid, phase, rank, actor, what, statement, wanted) as (
    select m.oid, 'rows', 100 - m.depth, w.actor, format('INSERT into %s', m.name), m.statement, 'made'
      from made m
     cross join (values ('A', 2), ('B', 3)) w (actor, rows)
     cross join lateral generate_series(1, w.rows)
    union all
    select s.oid, 'rows', 200, 'B', 'a read of an own row',
           format('do $do$ declare own text; begin select to_jsonb(t)::text into own from %s t limit 1; '
                  'execute format(''set local rowkeep.row = %%L'', own); end $do$', s.name), 'made'
      from shapes s
    union all
    select s.oid, case when w.actor = 'nobody' then 'nobody' else 'attack' end, 300 + v.rank, w.actor, v.what, v.statement,
           case when v.what ~ '^UPDATE' and not s.may_update or v.what ~ '^DELETE' and not s.may_delete then 'refused'
                else v.wanted end
      from shapes s
     cross join few f
     cross join (values ('nobody'), ('empty')) w (actor)
     cross join lateral (values
           (1, 'SELECT', format('select user_id from %s limit 10', s.name), 'no rows'),
           (2, 'UPDATE without WHERE', format('update %s set %s where %s', s.name, s.change, f.condition), 'changes none'),
           (3, 'DELETE without WHERE', format('delete from %s where %s', s.name, f.condition), 'changes none'),
           (4, 'INSERT', s.creation, 'refused')
           ) v (rank, what, statement, wanted)
    union all
    select s.oid, 'attack', 400 + v.rank, 'A', v.what, v.statement,
           case when v.what ~ '^UPDATE' and not s.may_update or v.what ~ '^(DELETE|MERGE)' and not s.may_delete then 'refused'
                else v.wanted end
      from shapes s
     cross join few f
     cross join lateral (values
           (1, 'SELECT', format('select user_id from %s limit 10', s.name), 'own'),
           (2, 'SELECT of B''s', format('select user_id from %s where user_id = %L', s.name, $1::text), 'no rows'),
           (3, 'SELECT FOR UPDATE of B''s', format('select user_id from %s where user_id = %L for update', s.name, $1::text),
            'no rows'),
           (4, 'INSERT as B', format('insert into %s (user_id%s) values (%L%s)', s.name, s.filled, $1::text, s.filling),
            'refused'),
           (5, 'INSERT over a row of B''s, ON CONFLICT DO NOTHING',
            format('insert into %s (%s%s) overriding system value values (%s%s) on conflict do nothing', s.name, s.key,
                   s.filled, s.key_of_b, s.filling), 'refused'),
           (6, 'INSERT over a row of B''s, ON CONFLICT DO UPDATE',
            format('insert into %s (%s%s) overriding system value values (%s%s) on conflict (%s) do update set %s',
                   s.name, s.key, s.filled, s.key_of_b, s.filling, s.key, s.change), 'refused'),
           (7, 'UPDATE without WHERE', format('update %s set %s where %s', s.name, s.change, f.condition), 'changes own'),
           (8, 'UPDATE of B''s', format('update %s set %s where user_id = %L', s.name, s.change, $1::text), 'changes none'),
           (9, 'UPDATE RETURNING', format('update %s set %s where %s returning user_id', s.name, s.change, f.condition),
            'own'),
           (10, 'UPDATE that gives a row to B', format('update %s set user_id = %L where %s', s.name, $1::text, f.condition),
            'refused'),
           (11, 'DELETE without WHERE', format('delete from %s where %s', s.name, f.condition), 'changes own'),
           (12, 'DELETE of B''s', format('delete from %s where user_id = %L', s.name, $1::text), 'changes none'),
           (13, 'DELETE RETURNING', format('delete from %s where %s returning user_id', s.name, f.condition), 'own'),
           (14, 'MERGE of B''s', format('merge into %s t using (values (1)) v on t.user_id = %L when matched then delete',
                                        s.name, $1::text), 'changes none')
           ) v (rank, what, statement, wanted)
     where s.key is not null or v.rank not in (5, 6)
    union all
    select s.oid, 'prepared', 500, 'A', 'one prepared SELECT under two identities',
           format('select user_id from %s limit 10', s.name), 'own'
      from shapes s
    union all
    select s.oid, 'look', 600, 'B', 'a read of all own rows',
           format('select t::text from %s t where user_id = %L order by 1', s.name, $1::text), 'own'
      from shapes s
)

select t.name as relation, s.phase, s.actor, s.what,
       coalesce(s.statement, '') as statement, s.wanted
  from script s
  join tables t on t.oid = s.oid
 cross join few f
 cross join distribution d
 where not (d.is_possible and (s.what ~ '^MERGE' or strpos(s.statement, f.condition) > 0))
 order by t.name collate "C", s.phase = 'nobody' desc, s.rank, s.actor, s.what
