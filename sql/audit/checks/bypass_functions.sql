-- Looks for: single grants of functions that reach files or rows without asking a policy: pg_read_binary_file(), lo_import(),
--   pg_file_write(), dblink_connect_u(), pg_get_wal_block_info() and their like.
-- Why: each gives what pg_read_server_files or a superuser has. pg_rewind's manual has pg_read_binary_file() granted: its
--   login reads the files of every table.
--   What was granted in another database of the cluster has lines of its own (RK-623), as far as it can be seen (RK-690).
-- Severity: NOTE for a role that needs it. FAIL for PUBLIC and for roles of requests, if it is a function of an extension;
--   for PostgreSQL's own functions another check fails.
-- Fix: revoke execute on function ... from ...; of an owner that is no superuser: alter function ... owner to ...;
-- Controls: SOC 2 CC6.3
select 'RK-608', case when bool_or(g.serves) then 'FAIL' else 'NOTE' end, 'bypass',
       format('%s may execute %s', g.name, string_agg(distinct g.function, ', ')),
       string_agg(distinct g.ability, '; '), string_agg(distinct g.fix, ' '),
       case when bool_or(g.owns) then '0' else min(g.owner::text) end::oid
  from (select coalesce(r.name, 'public') as name, f.oid::regprocedure::text as function, f.ability, f.proowner as owner,
               a.grantee = f.proowner as owns,
               case when a.grantee = f.proowner
                    then format('alter function %s owner to %I;', f.oid::regprocedure, pg_get_userbyid(10))
                    else format('revoke execute on function %s from %s;', f.oid::regprocedure, coalesce(h.name, 'public'))
                    end as fix,
               a.grantee = 0 or r.oid in (select oid from serving_roles) as serves
          from (select p.oid, p.proowner, p.proacl, p.pronamespace,
                       case when p.proname ~ '^pg_read_(binary_)?file' or p.proname in ('lo_import', 'pg_file_read')
                            then 'reads the files of all tables'
                            when p.proname in ('lo_export', 'pg_file_write', 'pg_file_rename')
                            then 'writes files of the server, such as its configuration'
                            when p.proname = 'dblink_connect_u'
                            then 'logs in as another role wherever the server asks this machine for no password'
                            else 'reads rows in the write-ahead log' end as ability
                  from pg_proc p
                 where p.proname in ('lo_import', 'lo_export', 'pg_file_read', 'pg_file_write', 'pg_file_rename',
                                     'dblink_connect_u', 'pg_get_wal_block_info')
                    or p.proname ~ '^pg_read_(binary_)?file') f
         -- Without a list of privileges, PUBLIC may execute a function that an extension did not revoke.
         cross join aclexplode(coalesce(f.proacl, acldefault('f', f.proowner))) a
          left join roles h on h.oid = a.grantee
          left join can_use u on u.other = a.grantee
          left join roles r on r.oid = u.role
         -- A superuser may do what they do. Every other owner may not, and can grant them.
         where (a.grantee <> f.proowner or not h.rolsuper)
           -- PostgreSQL's predefined roles may call some of them. Their members have lines of their own.
           and (a.grantee = 0 or not h.predefined and not r.rolsuper)
           -- checks/grants_catalogue.sql fails these.
           and not (f.pronamespace = 'pg_catalog'::regnamespace
                    and (a.grantee = 0 or a.grantee in (select oid from serving_roles)))) g
 group by g.name
