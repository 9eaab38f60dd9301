-- Gives the schemas, tables, functions and collations of this product to rowkeep_owner. They have another owner after
-- `pg_restore --no-owner`, or when the roles were missing during a restore. Views stay as they are: a view of another
-- owner is no work of ours, and the audit reports it. Tables of other programs that are in app keep their owner, too.

do $$
declare
    command text;
begin
    for command in
        with tables as (
            select c.oid, n.nspname, c.relname, c.relowner
              from pg_class c
              join pg_namespace n on n.oid = c.relnamespace
             where c.relkind in ('r', 'p')
               and (n.nspname = 'rowkeep'
                    or n.nspname = 'app'
                   and (c.relname = 'tasks'
                        -- A table whose rows belong to users: user_id has the default app.current_user_id().
                        or exists (select
                                     from pg_attrdef v
                                     join pg_attribute a on a.attrelid = v.adrelid and a.attnum = v.adnum
                                     join pg_depend d on d.classid = 'pg_attrdef'::regclass and d.objid = v.oid
                                                     and d.refclassid = 'pg_proc'::regclass
                                                     and d.refobjid = to_regprocedure('app.current_user_id()')
                                    where v.adrelid = c.oid and a.attname = 'user_id')))
        )
        -- A schema comes first: the owner of a function needs CREATE on its schema.
        select object
          from (select 1, format('schema %I', n.nspname)
                  from pg_namespace n
                 where n.nspname in ('app', 'rowkeep')
                   and n.nspowner <> 'rowkeep_owner'::regrole
                 union all
                select 2, format('table %I.%I', t.nspname, t.relname)
                  from tables t
                 where t.relowner <> 'rowkeep_owner'::regrole
                 union all
                select 3, format('routine %I.%I(%s)', n.nspname, f.proname,
                                 pg_get_function_identity_arguments(f.oid))
                  from pg_proc f
                  join pg_namespace n on n.oid = f.pronamespace
                 where (n.nspname = 'rowkeep'
                        or n.nspname = 'app'
                       and (f.proname in ('current_user_id', 'identify', 'schema_version', 'cursor_key', 'accepted', 'tasks_touch')
                            or exists (select from pg_trigger g join tables t on t.oid = g.tgrelid where g.tgfoid = f.oid)))
                   and f.proowner <> 'rowkeep_owner'::regrole
                 union all
                select 4, format('collation %I.%I', n.nspname, k.collname)
                  from pg_collation k
                  join pg_namespace n on n.oid = k.collnamespace
                 where (n.nspname = 'rowkeep' or n.nspname = 'app' and k.collname = 'letters')
                   and k.collowner <> 'rowkeep_owner'::regrole) o (step, object)
         order by step, object
    loop
        begin
            execute format('alter %s owner to rowkeep_owner', command);
        exception
            -- An object that an administrator added is no reason to stop. If it is one of ours, a later step fails.
            when insufficient_privilege then null;
        end;
    end loop;
end
$$
