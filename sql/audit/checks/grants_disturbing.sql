-- Looks for: functions of PostgreSQL that requests may execute and do not need, and by which they can disturb others.
-- Why: PostgreSQL grants them to PUBLIC. Large objects can fill the disk, and all sessions of rowkeep_api share them. A session
--   that takes many advisory locks fills the table of locks: then the whole server answers "out of shared memory". The readers
--   of a logical replication slot cannot tell who wrote a message.
-- Severity: NOTE. No row of another user is shown. Other programs in this database may need the functions.
-- Fix: revoke execute on function ... from ...; as a superuser. Others that need them then need a grant by name.
-- Controls: CIS 4.5
select 'RK-509', 'NOTE', 'grants', format('%s may %s', coalesce(r.name, 'public'), f.what),
       'Rowkeep does not need that, other programs in this database may',
       format('revoke execute on function %s from %s;',
              string_agg(f.oid::regprocedure::text, ', ' order by f.oid::regprocedure::text collate "C"),
              coalesce(r.name, 'public')),
       0
  from (select p.oid, p.proowner, p.proacl,
               case when p.proname ~ '^(lo_(creat|create|from_bytea|put|truncate|truncate64|unlink)|lowrite)$'
                    then 'write large objects, which can fill the disk'
                    when p.proname ~ '^pg_(try_)?advisory_(xact_)?lock(_shared)?$'
                    then 'take advisory locks, which can use up the locks of the whole server'
                    when p.proname = 'pg_logical_emit_message'
                    then 'write messages to the write-ahead log, for readers of a logical replication slot' end as what
          from pg_proc p
         where p.pronamespace = 'pg_catalog'::regnamespace) f
 cross join aclexplode(coalesce(f.proacl, acldefault('f', f.proowner))) a
  left join roles r on r.oid = a.grantee
 where f.what is not null
   and a.grantee <> f.proowner
   and (a.grantee = 0 or a.grantee in (select oid from serving_roles))
 group by f.what, r.name
