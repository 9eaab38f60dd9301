-- Gives the schemas, tables, functions and collations of this product to rowkeep_owner. They have another owner after
-- `pg_restore --no-owner`, or when the roles were missing during a restore. Views stay as they are: a view of another
-- owner is no work of ours, and the audit reports it.

do $$
declare
    command text;
begin
    for command in
        -- A schema comes first: the owner of a function needs CREATE on its schema.
        select object
          from (select 1, format('schema %I', n.nspname)
                  from pg_namespace n
                 where n.nspname in ('app', 'rowkeep')
                   and n.nspowner <> 'rowkeep_owner'::regrole
                 union all
                select 2, format('table %I.%I', n.nspname, c.relname)
                  from pg_class c
                  join pg_namespace n on n.oid = c.relnamespace
                 where n.nspname in ('app', 'rowkeep')
                   and c.relkind in ('r', 'p')
                   and c.relowner <> 'rowkeep_owner'::regrole
                 union all
                select 3, format('routine %I.%I(%s)', n.nspname, f.proname,
                                 pg_get_function_identity_arguments(f.oid))
                  from pg_proc f
                  join pg_namespace n on n.oid = f.pronamespace
                 where n.nspname in ('app', 'rowkeep')
                   and f.proowner <> 'rowkeep_owner'::regrole
                 union all
                select 4, format('collation %I.%I', n.nspname, k.collname)
                  from pg_collation k
                  join pg_namespace n on n.oid = k.collnamespace
                 where n.nspname in ('app', 'rowkeep')
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
