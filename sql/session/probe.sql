-- Checks how Postgres restricts the transaction of a request. Returns one row. After the first two, a boolean column is true
-- if all is well. A column of names is null if all is well, else it has the objects with the problem; `.._fix` has the
-- statement for them. sql/nodes/probe.sql runs it on a node of a distributed database, where a table is a shard.
--   $1 user_id that app.identify() was called with
with tables as (
    -- app.tasks, and each table of app on which requests or their login have a privilege. Requests cannot reach the other
    -- tables of app, which can be of another program.
    select c.oid, c.relname, regexp_replace(format('app.%I', c.relname), '[^ -~]', '?', 'g') as name, c.relowner,
           c.relforcerowsecurity,
           -- Citus names a shard after its table and its number.
           c.relname = 'tasks'
           or to_regclass('pg_catalog.pg_dist_shard') is not null and c.relname ~ '^tasks_[0-9]+$' as is_tasks
      from pg_class c
     where c.relnamespace = 'app'::regnamespace
       and c.relkind in ('r', 'p', 'f')
       and (c.relname = 'tasks'
            or not exists (select from pg_depend d
                            where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
               and (has_table_privilege('rowkeep_api', c.oid, 'DELETE, TRUNCATE, TRIGGER')
                    or has_any_column_privilege('rowkeep_api', c.oid, 'SELECT, INSERT, UPDATE, REFERENCES')
                    -- The privileges of the login, if it has been granted any. The owner of a table and a superuser have them
                    -- all, whatever the table is.
                    or not pg_has_role(session_user, c.relowner, 'MEMBER')
                       and exists (select
                                     from (select grantee from aclexplode(c.relacl)
                                            union all
                                           select x.grantee
                                             from pg_attribute t, aclexplode(t.attacl) x
                                            where t.attrelid = c.oid) a
                                    where a.grantee <> 0 and pg_has_role(session_user, a.grantee, 'MEMBER'))))
),

-- For each table, the trigger that stamps the rows and keeps their id and user: before every insert and update of every row.
-- Without it every create fails.
triggers as (
    select t.oid, t.name, g.tgname, coalesce(g.tgenabled in ('O', 'A'), false) as runs
      from tables t
      left join lateral (
           select g.tgname, g.tgenabled
             from pg_trigger g
             join pg_proc f on f.oid = g.tgfoid
            where g.tgrelid = t.oid
              and not g.tgisinternal
              and f.pronamespace = 'app'::regnamespace
              -- TRIGGER_TYPE_ROW, _BEFORE, _INSERT and _UPDATE (pg_trigger.h)
              and g.tgtype & 23 = 23
              and g.tgqual is null and g.tgattr = ''
              and (f.proname = 'tasks_touch' or not t.is_tasks)
            order by g.tgenabled in ('O', 'A') desc, g.tgname
            limit 1) g on true
     where g.tgname is not null or t.is_tasks
)

select (select array_agg(t.name order by t.name) from tables t)  as tables,
       to_regclass('pg_catalog.pg_dist_shard') is not null       as may_have_nodes,
       pg_is_in_recovery()                                       as is_standby,
       current_setting('default_transaction_read_only')::boolean as is_read_only,
       current_user = 'rowkeep_api'                              as role_assumed,
       not (r.rolsuper or r.rolbypassrls)                        as bound_by_policies,
       (select array_agg(regexp_replace(c.oid::regclass::text, '[^ -~]', '?', 'g') order by c.relname)
          from pg_class c
         where c.relnamespace = 'app'::regnamespace
           and c.relkind in ('r', 'p', 'f', 'v', 'm', 'S')
           and pg_has_role(c.relowner, 'USAGE'))                 as owned,
       (select array_agg(t.name order by t.name)
          from tables t
         where not (t.relforcerowsecurity and row_security_active(t.oid)))
                                                                 as unprotected,
       (select array_agg(t.name order by t.name)
          from tables t
         where not exists (select
                             from pg_policy p
                            where p.polrelid = t.oid
                              and not p.polpermissive
                              and p.polcmd = '*'
                              and p.polroles = '{0}'
                              -- As PostgreSQL deparses it with an empty search path, which connections have.
                              and pg_get_expr(p.polqual, t.oid) = '(user_id = app.current_user_id())'
                              and pg_get_expr(p.polqual, t.oid) = pg_get_expr(p.polwithcheck, t.oid)))
                                                                 as unfenced,
       app.current_user_id() = $1                                as identity_taken,
       -- The owner of a table can lift its policies. A query of a parent table applies the policies of the parent only.
       -- Another collation than "C" can treat two user ids as equal, and a new release of its library can hide rows.
       (select array_agg(t.name order by t.name)
          from tables t
         where t.relowner <> 'rowkeep_owner'::regrole
            or exists (select from pg_inherits i where i.inhrelid = t.oid)
            or not exists (select
                             from pg_attribute a
                             join pg_collation k on k.oid = a.attcollation
                            where a.attrelid = t.oid
                              and a.attname = 'user_id'
                              and k.oid = 'pg_catalog."C"'::regcollation))
                                                                 as unsound,
       -- If the permissive policy is lost and the fence is not, every user sees an empty list instead of an error.
       (select array_agg(t.name order by t.name)
          from tables t
         where not exists (select
                             from pg_policy p
                            where p.polrelid = t.oid
                              and p.polpermissive
                              and p.polcmd in ('*', 'r')
                              and p.polroles @> array['rowkeep_api'::regrole::oid]))
                                                                 as without_rows,
       (select array_agg(format('trigger %I of %s', g.tgname, g.name) order by g.name)
          from triggers g
         where g.tgname is not null and not g.runs)              as disabled_triggers,
       (select string_agg(format('ALTER TABLE %s ENABLE TRIGGER %I;', g.oid::regclass, g.tgname), ' ' order by g.name)
          from triggers g
         where g.tgname is not null and not g.runs)              as disabled_triggers_fix,
       (select array_agg(format('trigger tasks_touch of %s', g.name))
          from triggers g
         where g.tgname is null)                                 as missing_triggers,
       current_setting('session_replication_role') <> 'replica'  as triggers_run,
       -- What the statements of sql/tasks need. Citus gives a shard the id and the user of a new row as values.
       (select array_agg(format('%s of %s', p.privilege, t.name) order by p.privilege)
          from tables t
         cross join lateral (
               select w.privilege
                 from unnest(array['SELECT', 'DELETE']) w (privilege)
                where not has_table_privilege(t.oid, w.privilege)
                union all
               select format('%s (%I)', w.privilege, a.attname)
                 from unnest(array['INSERT', 'UPDATE']) w (privilege)
                 join pg_attribute a on a.attrelid = t.oid
                where (a.attname in ('title', 'description', 'completed')
                       or a.attname in ('id', 'user_id') and w.privilege = 'INSERT' and t.relname <> 'tasks')
                  and not has_column_privilege(t.oid, a.attnum, w.privilege)) p
         where t.is_tasks)                                       as missing_privileges,
       -- A create fills the title, the trigger fills the time stamps, and all else needs a default.
       (select array_agg(regexp_replace(format('column %I of %s', a.attname, t.name), '[^ -~]', '?', 'g') order by a.attnum)
          from tables t
          join pg_attribute a on a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped
          join pg_type y on y.oid = a.atttypid
         where t.relname = 'tasks'
           and a.attnotnull and not a.atthasdef and a.attidentity = '' and y.typdefault is null
           and a.attname not in ('title', 'created_at', 'updated_at'))
                                                                 as unfilled_columns,
       -- If the function were IMMUTABLE, a cached plan would show the rows of one user to the next. With a SET clause it
       -- would not be inlined, and the clause could set the identity.
       exists (select
                 from pg_proc f
                 join pg_language l on l.oid = f.prolang
                where f.oid = 'app.current_user_id()'::regprocedure
                  and l.lanname = 'sql'
                  and f.provolatile = 's'
                  and not f.prosecdef
                  and f.proconfig is null
                  and pg_get_function_sqlbody(f.oid) = 'RETURN NULLIF(current_setting(''app.user_id''::text, true), ''''::text)')
                                                                 as identity_sound
  from pg_roles r
 where r.rolname = current_user
