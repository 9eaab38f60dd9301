-- Looks for: tables, materialized views and foreign tables outside app that have the columns of a table of app, and who reads
--   them: by a grant, as a member of the owner or of pg_read_all_data, or through a view.
-- Why: a copy of the rows has no policy of app. People make one before a migration, or for a report, and forget it.
-- Severity: NOTE. Another application can have such columns, too. FAIL if PUBLIC may read it and its user_id has the type
--   and collation of ours, as every copy has and other applications do not.
-- Fix: drop table ...; or revoke select on ... from ...;
-- Controls: SOC 2 CC6.1
with recursive copies as (
    select c.oid, c.relkind, c.relowner, c.relacl, c.relrowsecurity, format('%I.%I', e.nspname, c.relname) as name,
           t.name as of, m.columns, m.copied
      from pg_class c
      join other_schemas e on e.oid = c.relnamespace
      join tables t on t.oid not in (select oid from parent_tables)
     cross join lateral (
           -- Many tables have an id and time stamps.
           select string_agg(a.attname, ', ' order by a.attnum) as columns, count(*) as number, bool_or(a.attname = 'user_id') as users,
                  bool_or(a.attname = 'user_id' and (a.atttypid, a.attcollation) = (b.atttypid, b.attcollation)) as copied
             from pg_attribute a
             join pg_attribute b on b.attrelid = t.oid and b.attname = a.attname and b.attnum > 0
            where a.attrelid = c.oid and a.attnum > 0
              and a.attname not in ('id', 'created_at', 'updated_at')) m
     where c.relkind in ('r', 'p', 'm', 'f')
       and m.users
       and (m.number > 2 or m.number = 2 and m.copied)
       and c.oid not in (select oid from views)
       and c.oid not in (select oid from child_tables)
),

-- A view reads as its owner, unless it has security_invoker.
ways (copy, oid, relowner, relacl, name) as (
    select c.oid, c.oid, c.relowner, c.relacl, c.name from copies c
    union
    select w.copy, v.oid, v.relowner, v.relacl, format('%I.%I', n.nspname, v.relname)
      from ways w
      join pg_depend d on d.refclassid = 'pg_class'::regclass and d.refobjid = w.oid and d.classid = 'pg_rewrite'::regclass
      join pg_rewrite r on r.oid = d.objid and r.ev_class <> w.oid
      join pg_class v on v.oid = r.ev_class and v.relkind in ('v', 'm')
      join pg_namespace n on n.oid = v.relnamespace
     where not exists (select from pg_options_to_table(v.reloptions) o
                        where o.option_name = 'security_invoker' and o.option_value::boolean)
),

copy_readers (copy, place, name, fix, fixer) as (
    select w.copy, case when w.oid = w.copy then 1 else 4 end,
           coalesce(r.name, 'public') || case when w.oid = w.copy then '' else ' through ' || w.name end,
           case when a.grantee = 0 then format('revoke select on %s from public;', w.name) end, w.relowner
      from ways w
     cross join lateral (select grantee, privilege_type from aclexplode(w.relacl)
                          union
                         select x.grantee, x.privilege_type
                           from pg_attribute y cross join aclexplode(y.attacl) x
                          where y.attrelid = w.oid) a
      left join roles r on r.oid = a.grantee
     where a.privilege_type = 'SELECT' and a.grantee <> w.relowner
    union
    select c.oid, 2, 'members of ' || o.name, null, null
      from copies c
      join roles o on o.oid = c.relowner
     where exists (select from can_use u join roles r on r.oid = u.role and not r.rolsuper
                    where u.other = c.relowner and u.role <> c.relowner)
    union
    select c.oid, 3, 'members of pg_read_all_data', null, null
      from copies c
     where exists (select from can_use u
                     join roles o on o.oid = u.other and o.rolname = 'pg_read_all_data'
                     join roles r on r.oid = u.role and not r.rolsuper and not r.predefined and r.oid <> c.relowner)
)

select 'RK-618', case when x.fix is not null and c.copied then 'FAIL' else 'NOTE' end, 'bypass',
       format('%s has the columns %s of %s; %s', c.name, c.columns, c.of, coalesce('read by ' || x.readers, 'nobody but its owner reads it')),
       case when c.relrowsecurity then 'only its own policies bind it, not those of app' else 'no policy binds it' end
       || format('; owner %s', o.name),
       case when x.fix is not null and c.copied then x.fix
            else format('by hand: if it is a copy, drop %s %s;',
                        case c.relkind when 'm' then 'materialized view' when 'f' then 'foreign table' else 'table' end, c.name) end,
       case when x.fix is not null and c.copied then x.fixer end
  from copies c
  join roles o on o.oid = c.relowner
 cross join lateral (
       select string_agg(r.name, ', ' order by r.place, r.name collate "C") as readers, string_agg(r.fix, ' ' order by r.place, r.fix) as fix,
              case when count(distinct r.fixer) filter (where r.fix is not null) = 1
                   then (min(r.fixer::text) filter (where r.fix is not null)) else '0' end as fixer
         from copy_readers r
        where r.copy = c.oid) x
