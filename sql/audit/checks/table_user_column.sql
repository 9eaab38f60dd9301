-- Looks for: the column user_id of each table of app.
-- Why: policies compare this column. A value that is null, written by the client, or compared by the rules of a language
--   can belong to the wrong user.
-- Severity: OK if it is text, not null, compared byte by byte, with the default app.current_user_id(). FAIL otherwise.
-- Fix: alter table ... alter column user_id ...; a change of its type needs a migration.
select 41, case when u.sound then 'OK' else 'FAIL' end, 'table',
       case when u.description is null then t.name || ': has no column user_id, so its rows have no owner'
            else t.name || ': ' || u.description || case when u.sound then '' else ': must be text, not null, default '
                                  'app.current_user_id(), compared byte by byte' end end,
       case when u.sound then null
            when u.description is null then format('alter table %s add column user_id text not null default '
                                                   'app.current_user_id();', t.name)
            when u.typed then format('alter table %s alter column user_id set not null, '
                                     'alter column user_id set default app.current_user_id();', t.name)
            else 'by hand, in a migration: policies and keys depend on the column' end
  from tables t
  left join lateral (
       select format('user_id %s%s%s', format_type(a.atttypid, a.atttypmod), case when a.attnotnull then ' not null' end,
                     ' default ' || pg_get_expr(d.adbin, d.adrelid))
              || case when c.collisdeterministic then '' else format(' collate %I', c.collname) end as description,
              a.atttypid = 'text'::regtype and c.collisdeterministic and a.attgenerated = '' as typed,
              a.atttypid = 'text'::regtype and a.attnotnull and c.collisdeterministic and a.attgenerated = ''
              and coalesce(pg_get_expr(d.adbin, d.adrelid), '') = 'app.current_user_id()' as sound
         from pg_attribute a
         left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
         left join pg_collation c on c.oid = a.attcollation
        where a.attrelid = t.oid and a.attname = 'user_id' and not a.attisdropped) u on true
