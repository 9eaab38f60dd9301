-- Part of sql/scale/move_shard.sql and rebalance.sql: stops them where app.tasks is not distributed, and where rows would be
-- lost. Citus copies a shard as the login that moves it, sees only the rows that the policies let it see, and deletes the
-- old shard.
select to_regclass('pg_catalog.pg_dist_partition') is null as no_citus \gset
\if :no_citus
do $$ begin raise 'this database has no extension citus: run this file on the coordinator'; end $$;
\endif
select not exists (select from pg_dist_partition where logicalrelid = to_regclass('app.tasks')) as is_local \gset
\if :is_local
do $$ begin raise 'app.tasks is not distributed: run sql/scale/citus.sql on the coordinator first'; end $$;
\endif
select not rolsuper and not rolbypassrls as is_bound from pg_roles where rolname = current_user \gset
\if :is_bound
do $$ begin raise 'the policies keep the rows of a shard from this login, so a move would lose them: see docs/growth.md'; end $$;
\endif
