-- Neon: cloud_admin is the superuser, each login of the console is a member of neon_superuser and has its attributes.
-- Run by psql as cloud_admin.
select current_setting('server_version_num')::integer >= 160000 as since_16 \gset

create role neon_superuser nologin createdb createrole replication bypassrls in role pg_read_all_data, pg_write_all_data;
grant pg_monitor, pg_signal_backend to neon_superuser with admin option;
\if :since_16
grant pg_create_subscription to neon_superuser;
grant execute on function pg_export_snapshot(), pg_log_standby_snapshot() to neon_superuser;
\endif
grant execute on function pg_show_replication_origin_status() to neon_superuser;

create role neondb_owner login inherit createdb createrole replication bypassrls in role neon_superuser;
create role console_user login inherit createdb createrole replication bypassrls in role neon_superuser;

-- The Data API.
create role authenticator login noinherit;
create role authenticated nologin;
create role anonymous nologin;
grant authenticated, anonymous to authenticator;

create database neondb owner neondb_owner;
\connect neondb
create schema neon_migration;
create table neon_migration.migration_id (key integer not null primary key, id bigint not null);
create schema neon;
create view neon.neon_lfc_stats as select 'file_cache_misses' as lfc_key, 0::bigint as lfc_value;
grant usage on schema neon to pg_monitor;
grant select on neon.neon_lfc_stats to pg_monitor;
alter default privileges in schema public grant all on tables to neon_superuser with grant option;
alter default privileges in schema public grant all on sequences to neon_superuser with grant option;

set role neondb_owner;
create table public.playing_with_neon (id serial primary key, name text not null, value real);
create schema drizzle;
create table drizzle.__drizzle_migrations (id serial primary key, hash text not null, created_at bigint);
grant usage on schema public to authenticated, anonymous;
alter default privileges in schema public grant select, insert, update, delete on tables to authenticated;
