-- Azure Database for PostgreSQL, flexible server: azuresu is the superuser; the administrator is a member of azure_pg_admin.
-- Run by psql as azuresu.
select current_setting('server_version_num')::integer >= 160000 as since_16 \gset

create role azure_pg_admin nologin createdb createrole;
grant pg_monitor, pg_signal_backend, pg_checkpoint, pg_read_all_data, pg_write_all_data to azure_pg_admin with admin option;
\if :since_16
grant pg_use_reserved_connections, pg_create_subscription to azure_pg_admin with admin option;
\endif
create role replication login replication;
create role azure_superuser_monitor login;
grant pg_monitor to azure_superuser_monitor;
grant execute on function pg_stat_reset(), pg_replication_origin_create(text), pg_replication_origin_drop(text),
      pg_switch_wal(), pg_export_snapshot() to azure_pg_admin;
grant set on parameter session_replication_role, log_statement to azure_pg_admin;

create role dbadmin login createdb createrole replication bypassrls in role azure_pg_admin;
create role "team@example.com" login;
alter database postgres owner to azure_pg_admin;
create database azure_maintenance;
create database azure_sys;
revoke connect on database azure_maintenance, azure_sys from public;
create database tasks owner dbadmin;
\connect tasks
alter schema public owner to azure_pg_admin;
create extension pg_stat_statements;

-- Metadata of pg_cron are in database postgres.
set role dbadmin;
create schema billing;
create table billing.invoices (id bigint primary key, amount numeric, paid boolean);
grant usage on schema billing to "team@example.com";
grant select on billing.invoices to "team@example.com";
alter default privileges in schema billing grant select on tables to "team@example.com";
