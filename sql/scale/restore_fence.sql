-- Makes the fence of every shard restrictive again. Run it on the coordinator of a Citus
-- cluster, as rowkeep_owner, as a member of it or as a superuser:
--
--   psql -h COORDINATOR -d DATABASE -f sql/scale/restore_fence.sql
--
-- Citus copies a policy to a shard without the word RESTRICTIVE. Where the event trigger of sql/scale/citus_worker.sql is,
-- nothing is lost. Where nobody may make it, run this file after each change that makes a shard: citus.sql, move_shard.sql
-- and rebalance.sql end with it, `rowkeep migrate --reapply-policies` does not. `/health` is 503 until all is right.

\set ON_ERROR_STOP on
\set QUIET on

select to_regclass('pg_catalog.pg_dist_partition') is null as no_citus, to_regclass('app.tasks') is null as no_tasks \gset
\if :no_citus
do $$ begin raise 'this database has no extension citus: run this file on the coordinator'; end $$;
\endif
\if :no_tasks
do $$ begin raise 'there is no table app.tasks: run `rowkeep migrate` and sql/scale/citus.sql first'; end $$;
\endif

begin;
set local role rowkeep_owner;
-- A shard that a request uses is waited for, and requests wait behind this. The next run does the rest.
set local lock_timeout = '2s';

select count(*)                                            as shards,
       count(*) filter (where not r.success) > 0           as is_left,
       coalesce(string_agg(format('%s:%s shard %s: %s', r.nodename, r.nodeport, r.shardid, r.result), E'\n' order by r.shardid)
                    filter (where not r.success), '')      as problems
  from pg_dist_partition t
  join pg_class c on c.oid = t.logicalrelid and c.relnamespace = 'app'::regnamespace
 cross join lateral run_command_on_placements(t.logicalrelid, $command$
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
       $command$) r \gset

-- The copies of the table that the workers keep for their own queries.
select count(*) filter (where not r.success) > 0 or :'is_left'::boolean       as is_left,
       concat_ws(E'\n', nullif(:'problems', ''),
                 string_agg(format('%s:%s: %s', r.nodename, r.nodeport, r.result), E'\n') filter (where not r.success)) as problems
  from run_command_on_workers($command$
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
                              'using (user_id = app.current_user_id()) with check (user_id = app.current_user_id())', relation);
           end loop;
       end
       $$
       $command$) r \gset
commit;

\if :is_left
\echo :problems
do $$ begin raise 'the shards above are not right: mend what they say, and run this file again'; end $$;
\endif
\echo 'the fence of all' :shards 'shards is restrictive'
