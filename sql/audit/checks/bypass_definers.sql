-- Looks for: SECURITY DEFINER functions of extensions that run or explain the SQL that their caller passes, as an owner whom
--   no policy binds.
-- Why: even EXPLAIN runs code: PostgreSQL calls an IMMUTABLE function of the caller while it plans, as the owner. An explain
--   function of a superuser thus reads every row for its caller.
-- Severity: NOTE if only roles that were named may call it. FAIL if PUBLIC or requests may, and may use its schema.
-- Fix: revoke execute on routine ... from public; or an owner that has no more privileges than the function needs.
-- Controls: CIS 4.5; SOC 2 CC6.3
select 'RK-622', case when bool_or(x.open) then 'FAIL' else 'NOTE' end, 'bypass',
       format('%s may call %s (%s), which runs SQL as %s',
              string_agg(distinct case when a.grantee = 0 and not x.open then x.users else coalesce(r.name, 'public') end, ', '),
              f.oid::regprocedure, left(md5(f.prosrc), 8), o.name),
       'no policy binds that role: it reads every row for its caller',
       string_agg(distinct format('revoke execute on routine %s from %s;', f.oid::regprocedure, coalesce(r.name, 'public')), ' ')
          filter (where x.open),
       f.proowner
  from (select * from pg_proc where prosecdef and oid >= 16384 offset 0) f
  join extension_members m on m.classid = 'pg_proc'::regclass and m.objid = f.oid and m.extname <> 'plpgsql'
  join roles o on o.oid = f.proowner and (o.rolsuper or o.rolbypassrls)
  join pg_namespace n on n.oid = f.pronamespace
 cross join aclexplode(coalesce(f.proacl, acldefault('f', f.proowner))) a
  left join roles r on r.oid = a.grantee
 cross join lateral (
       select (a.grantee = 0 or a.grantee in (select oid from serving_roles))
              and exists (select
                            from aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) u
                           where u.grantee = 0 or u.grantee in (select oid from serving_roles)) as open,
              -- Who may execute it because everybody may, still needs the schema.
              (select string_agg(distinct g.name, ', ')
                 from aclexplode(n.nspacl) u
                 join roles g on g.oid = u.grantee
                where u.grantee <> n.nspowner) as users) x
 where a.grantee <> f.proowner
   and f.prosrc !~* E'\\mapp\\M'  -- checks/function_definers.sql has a line for those
   and f.proargtypes::oid[] && array['text'::regtype, 'varchar'::regtype, 'name'::regtype, 'cstring'::regtype]::oid[]
   and (f.prosrc ~* E'\\mexecute\\M'
        or f.prolang = (select oid from pg_language where lanname = 'c') and f.proname ~* '(exec|explain|query|sql)')
 group by f.oid, f.proowner, f.prosrc, o.name
