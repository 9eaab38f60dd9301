-- Looks for: privileges on PostgreSQL's own objects that PostgreSQL does not grant itself.
-- Why: pg_statistic holds values of the rows of all users, and some functions read files.
-- Severity: FAIL. No policy protects these.
-- Fix: revoke ... on ... from ...;
-- Controls: SOC 2 CC6.3
select 'RK-507', 'FAIL', 'grants',
       format('%s%s on %s to %s', lower(a.privilege_type), o.part, o.name, coalesce(r.name, 'public')),
       'PostgreSQL does not grant it by default',
       format('revoke %s%s on %s from %s;', lower(a.privilege_type), o.part, o.name, coalesce(r.name, 'public')),
       -- The owner of a table may not look into the schema of its TOAST table.
       case when o.name ~ '^pg_toast' then 0 else o.owner end
  from (select 'pg_class'::regclass as class, c.oid, 0 as number, 'r' as kind, '' as part,
               format('%s.%I', c.relnamespace::regnamespace, c.relname) as name, c.relowner as owner, c.relacl as acl
          from pg_class c where c.relnamespace in ('pg_catalog'::regnamespace, 'pg_toast'::regnamespace)
         union all
        select 'pg_class'::regclass, c.oid, t.attnum, 'c', format(' (%I)', t.attname),
               format('%s.%I', c.relnamespace::regnamespace, c.relname), c.relowner, t.attacl
          from pg_class c join pg_attribute t on t.attrelid = c.oid and t.attacl is not null
         where c.relnamespace in ('pg_catalog'::regnamespace, 'pg_toast'::regnamespace)
         union all
        select 'pg_proc'::regclass, f.oid, 0, 'f', '', format('routine pg_catalog.%s', f.oid::regprocedure), f.proowner,
               f.proacl
          from pg_proc f where f.pronamespace = 'pg_catalog'::regnamespace and f.proacl is not null) o
 cross join aclexplode(o.acl) a
  left join roles r on r.oid = a.grantee
  left join pg_init_privs i on i.classoid = o.class and i.objoid = o.oid and i.objsubid = o.number
 where (a.grantee = 0 or a.grantee in (select oid from serving_roles))
   and not exists (select
                     from aclexplode(coalesce(i.initprivs, acldefault(o.kind::"char", o.owner))) b
                    where b.grantee = a.grantee and b.privilege_type = a.privilege_type)
