-- Looks for: the column user_id of each table of app.
-- Why: policies compare this column. A value that is null, written by the client, or compared by the rules of a language
--   can belong to the wrong user. A new release of a library that sorts letters can hide rows from their user.
-- Severity: OK if it is text collate "C" (compared byte by byte), not null, with the default app.current_user_id(). FAIL
--   otherwise.
-- Fix: alter table ... alter column user_id ...; a change of its type needs a migration.
-- Controls: CIS 4.7; SOC 2 CC6.1
select 'RK-302', case when u.sound then 'OK' else 'FAIL' end, 'table',
       t.name || ': ' || coalesce(u.description, 'no column user_id'),
       case when u.description is null then 'its rows have no owner'
            when not u.sound then 'must be text collate "C", not null, default app.current_user_id()'
            else '' end,
       case when u.sound then null
            when u.description is null then format('alter table %s add column user_id text collate "C" not null '
                                                   'default app.current_user_id();', t.name)
            when u.typed then format('alter table %s alter column user_id set not null, '
                                     'alter column user_id set default app.current_user_id();', t.name)
            else 'by hand, in a migration: policies and keys depend on the column' end,
       t.relowner
  from tables t
  left join lateral (
       select format('user_id %s%s%s%s', format_type(a.atttypid, a.atttypmod), format(' collate %I', c.collname),
                     case when a.attnotnull then ' not null' end, ' default ' || pg_get_expr(d.adbin, d.adrelid))
                     as description,
              b.compared_by_byte and a.attgenerated = '' as typed,
              b.compared_by_byte and a.attgenerated = '' and a.attnotnull
              and coalesce(pg_get_expr(d.adbin, d.adrelid), '') = 'app.current_user_id()' as sound
         from pg_attribute a
         left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
         left join pg_collation c on c.oid = a.attcollation
        cross join lateral (
              select a.atttypid = 'text'::regtype and a.attcollation = 'pg_catalog."C"'::regcollation) b (compared_by_byte)
        where a.attrelid = t.oid and a.attname = 'user_id' and not a.attisdropped) u on true
