-- Looks for: tables, materialized views and foreign tables outside app that have the columns of a table of app.
-- Why: a copy of the rows has no policy of app. People make one before a migration, or for a report, and forget it.
-- Severity: NOTE. Another application can have such columns, too. FAIL if PUBLIC may read it and its user_id has the type
--   and collation of ours, as every copy has and other applications do not.
-- Fix: drop table ...; or revoke select on ... from ...;
-- Controls: SOC 2 CC6.1
select 'RK-618', case when x.public and m.copied then 'FAIL' else 'NOTE' end, 'bypass',
       format('%I.%I has the columns %s of %s; %s', e.nspname, c.relname, m.columns, t.name,
              coalesce('read by ' || x.readers, 'nobody but its owner reads it')),
       case when c.relrowsecurity then 'only its own policies bind it, not those of app' else 'no policy binds it' end
       || format('; owner %s', o.name),
       case when x.public and m.copied then format('revoke select on %I.%I from public;', e.nspname, c.relname)
            else format('by hand: if it is a copy, drop %s %I.%I;',
                        case c.relkind when 'm' then 'materialized view' when 'f' then 'foreign table' else 'table' end,
                        e.nspname, c.relname) end,
       case when x.public and m.copied then c.relowner end
  from pg_class c
  join other_schemas e on e.oid = c.relnamespace
  join roles o on o.oid = c.relowner
  join tables t on t.oid not in (select oid from parent_tables)
 cross join lateral (
       -- Many tables have an id and time stamps.
       select string_agg(a.attname, ', ' order by a.attnum) as columns, count(*) as number, bool_or(a.attname = 'user_id') as users,
              bool_or(a.attname = 'user_id' and (a.atttypid, a.attcollation) = (b.atttypid, b.attcollation)) as copied
         from pg_attribute a
         join pg_attribute b on b.attrelid = t.oid and b.attname = a.attname and b.attnum > 0
        where a.attrelid = c.oid and a.attnum > 0
          and a.attname not in ('id', 'created_at', 'updated_at')) m
 cross join lateral (
       select string_agg(distinct coalesce(r.name, 'public'), ', ') as readers, bool_or(a.grantee = 0) as public
         from (select grantee, privilege_type from aclexplode(c.relacl)
                union all
               select x.grantee, x.privilege_type
                 from pg_attribute y cross join aclexplode(y.attacl) x
                where y.attrelid = c.oid) a
         left join roles r on r.oid = a.grantee
        where a.privilege_type = 'SELECT' and a.grantee <> c.relowner) x
 where c.relkind in ('r', 'p', 'm', 'f')
   and m.users
   and (m.number > 2 or m.number = 2 and m.copied)
   and c.oid not in (select oid from views)
   and c.oid not in (select oid from child_tables)
