-- Makes the fence of every shard restrictive again, and that of the copies of the table that workers keep for their own queries.
-- Fails with one line for each that is left. Does nothing if no table of app is distributed (Citus). It needs a transaction of
-- its own, after the change is committed: the nodes do it in transactions of theirs, as the owner, who needs no superuser there.
set local role rowkeep_owner;
do $restore$
declare
    problems text;
begin
    if to_regclass('pg_catalog.pg_dist_partition') is null then
        return;
    end if;
    select string_agg(format('%s:%s %s: %s', r.nodename, r.nodeport, r.what, r.result), E'\n'
                      order by r.what, r.nodename, r.nodeport)
      into problems
      from (select p.nodename, p.nodeport, format('shard %s', p.shardid) as what, p.success, p.result
              from pg_catalog.pg_dist_partition t
              join pg_catalog.pg_class c on c.oid = t.logicalrelid and c.relnamespace = 'app'::regnamespace
             cross join lateral pg_catalog.run_command_on_placements(t.logicalrelid, $command$
                   do $$
                   begin
                       if not exists (select
                                        from pg_policy
                                       where polrelid = '%1$s'::regclass
                                         and polname = 'fence'
                                         and not polpermissive
                                         and polcmd = '*'
                                         and polroles = '{0}'
                                         and pg_get_expr(polqual, polrelid) = '(user_id = app.current_user_id())'
                                         and pg_get_expr(polqual, polrelid) = pg_get_expr(polwithcheck, polrelid)) then
                           drop policy if exists fence on %1$s;
                           create policy fence on %1$s
                               as restrictive for all to public
                               using      (user_id = app.current_user_id())
                               with check (user_id = app.current_user_id());
                       end if;
                   end
                   $$
                   $command$) p
            union all
            select w.nodename, w.nodeport, 'copy of the table', w.success, w.result
              from pg_catalog.run_command_on_workers($command$
                   do $$
                   declare
                       relation text;
                   begin
                       set local citus.enable_ddl_propagation = off;
                       for relation in
                           select p.polrelid::regclass::text
                             from pg_policy p
                             join pg_class c on c.oid = p.polrelid
                             join pg_namespace n on n.oid = c.relnamespace and n.nspname = 'app'
                            where p.polname = 'fence' and p.polpermissive and c.relname !~ '_[0-9]+$'
                       loop
                           execute format('drop policy fence on %s', relation);
                           execute format('create policy fence on %s as restrictive for all to public '
                                          'using (user_id = app.current_user_id()) with check (user_id = app.current_user_id())',
                                          relation);
                       end loop;
                   end
                   $$
                   $command$) w
             where exists (select
                             from pg_catalog.pg_dist_partition t
                             join pg_catalog.pg_class c on c.oid = t.logicalrelid and c.relnamespace = 'app'::regnamespace)) r
     where not r.success;
    if problems is not null then
        raise '%', problems using hint = 'The fence of these is not right: mend what they say, and restore it again.';
    end if;
end
$restore$;
