-- Tables of app and rowkeep with the columns of a table of Rowkeep, as a copy of it has them, and without its policies.
-- `complete`: all columns. `copied`: the type and collation of user_id are those of the table, which other programs do not have.
copies as (
    select c.oid, c.name, c.relowner, c.relacl, t.name as of, m.columns, m.number = m.all_of_them as complete, m.copied
      from relations c
      join tables t on t.oid <> c.oid
     cross join expected w
     cross join lateral (
           select string_agg(b.attname, ', ' order by a.attnum) as columns, count(b.attname) as number, count(*) as all_of_them,
                  count(b.attname) filter (where a.attname not in ('id', 'created_at', 'updated_at')) as telling,
                  coalesce(bool_or(a.attname = 'user_id' and b.attname is not null), false) as users,
                  coalesce(bool_or(a.attname = 'user_id' and (a.atttypid, a.attcollation) = (b.atttypid, b.attcollation)), false)
                  as copied
             from pg_attribute a
             left join pg_attribute b on b.attrelid = c.oid and b.attname = a.attname and b.attnum > 0
            where a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped) m
     where c.relkind in ('r', 'p', 'f', 'm')
       and c.oid not in (select oid from tables)
       and (m.number = m.all_of_them or m.users and (m.telling > 2 or m.telling = 2 and m.copied))
       -- Each user sees their own rows of it.
       and not (c.relrowsecurity and c.relforcerowsecurity
                and not exists (select
                                  from pg_policy p
                                 where p.polrelid = c.oid
                                   and p.polpermissive
                                   and p.polcmd <> 'a'
                                   and pg_get_expr(p.polqual, p.polrelid) is distinct from w.predicate))
)
