-- CloudNativePG: streaming_replica replicates and rewinds, the pooler looks up passwords, and the login app owns the database
-- app. It has CREATEROLE as a managed role. Run by psql as postgres.
create role streaming_replica login replication;
grant execute on function pg_catalog.pg_ls_dir(text, boolean, boolean) to streaming_replica;
grant execute on function pg_catalog.pg_stat_file(text, boolean) to streaming_replica;
grant execute on function pg_catalog.pg_read_binary_file(text) to streaming_replica;
grant execute on function pg_catalog.pg_read_binary_file(text, bigint, bigint, boolean) to streaming_replica;
create role cnpg_pooler_pgbouncer login;
create role app login createrole;
create role grafana login;
grant pg_monitor to grafana;
select pg_create_physical_replication_slot('_cnpg_cluster_2');

create database app owner app;
\connect app
create function public.user_search(uname text) returns table (usename name, passwd text) language sql security definer as
    'select usename, passwd from pg_catalog.pg_shadow where usename = $1;';
revoke all on function public.user_search(text) from public;
grant execute on function public.user_search(text) to cnpg_pooler_pgbouncer;
create extension pg_stat_statements;
