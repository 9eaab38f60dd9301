-- SECURITY DEFINER functions of extensions that run, or explain, the SQL that their caller passes, as an owner whom no policy
-- binds. `callers` may execute the function and use its schema; `anybody`: PUBLIC or a role of requests is one of them.
-- checks/function_definers.sql looks at the functions that belong to no extension.
sql_runners (oid, owner, callers, anybody, fix) as (
    select f.oid, f.proowner, string_agg(distinct c.name, ', '), bool_or(c.anybody),
           string_agg(distinct format('revoke execute on routine %s from %s;', f.oid::regprocedure, c.executor), ' ')
              filter (where c.anybody)
      from pg_proc f
      join pg_language l on l.oid = f.prolang
      join pg_namespace n on n.oid = f.pronamespace
     cross join lateral (
           select coalesce(r.name, 'public') as name, coalesce(h.name, 'public') as executor,
                  g.grantee = 0 or g.grantee in (select oid from serving_roles) as anybody
             from (-- Who may execute it because everybody may, still needs the schema.
                   select case when e.grantee = 0 then u.grantee else e.grantee end as grantee, e.grantee as executor
                     from aclexplode(coalesce(f.proacl, acldefault('f', f.proowner))) e
                     join aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) u on u.privilege_type = 'USAGE') g
             left join roles r on r.oid = g.grantee
             left join roles h on h.oid = g.executor
            where g.grantee not in (f.proowner, n.nspowner)) c
     where f.prosecdef
       and f.oid >= 16384
       and f.pronamespace not in (select oid from schemas)
       and f.proowner in (select role from bypasses where unbound)
       and f.prorettype not in ('trigger'::regtype, 'event_trigger'::regtype)
       and exists (select from unnest(f.proargtypes) a (type) where a.type in ('text'::regtype, 'varchar'::regtype, 'name'::regtype, 'cstring'::regtype))
       and (l.lanname = 'plpgsql' and f.prosrc ~* E'\\mexecute\\M'
            or l.lanname = 'c' and f.proname ~* '(exec|explain|query|sql)')
       and exists (select
                     from extension_members x
                    where x.classid = 'pg_proc'::regclass and x.objid = f.oid and x.extname <> 'plpgsql')
       and f.prosrc !~* E'\\mapp\\M'
     group by f.oid, f.proowner
)
