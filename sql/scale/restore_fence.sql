-- Makes the fence of every shard restrictive again. Run it on the coordinator of a Citus
-- cluster, as rowkeep_owner, as a member of it or as a superuser:
--
--   psql -h COORDINATOR -d DATABASE -f sql/scale/restore_fence.sql
--
-- Citus copies a policy to a shard without the word RESTRICTIVE. Where the event trigger of sql/scale/citus_worker.sql is,
-- nothing is lost. Where nobody may make it, run this file after each change that makes a shard. citus.sql, move_shard.sql,
-- rebalance.sql and `rowkeep migrate` end with it. `/health` is 503 until all is right.

\set ON_ERROR_STOP on
\set QUIET on

select to_regclass('pg_catalog.pg_dist_partition') is null as no_citus, to_regclass('app.tasks') is null as no_tasks \gset
\if :no_citus
do $$ begin raise 'this database has no extension citus: run this file on the coordinator'; end $$;
\endif
\if :no_tasks
do $$ begin raise 'there is no table app.tasks: run `rowkeep migrate` and sql/scale/citus.sql first'; end $$;
\endif

select not exists (select from pg_dist_partition where logicalrelid = 'app.tasks'::regclass) as is_local \gset
\if :is_local
do $$ begin raise 'app.tasks is not distributed: run sql/scale/citus.sql on the coordinator first'; end $$;
\endif

begin;
\ir ../nodes/restore_fence.sql
commit;

select format('the fence of all %s shards is restrictive', count(*))
  from pg_dist_shard s
  join pg_class c on c.oid = s.logicalrelid and c.relnamespace = 'app'::regnamespace \g (format=unaligned tuples_only=on)
