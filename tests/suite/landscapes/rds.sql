-- Amazon RDS and Aurora: rdsadmin is the superuser; the master user is a member of rds_superuser. Membership in
-- rds_replication replaces the attribute REPLICATION. Run by psql as rdsadmin.
select current_setting('server_version_num')::integer >= 170000 as since_17 \gset

create role rds_superuser nologin;
create role rds_replication nologin;
create role rds_iam nologin;
create role rds_password nologin;
create role rds_ad nologin;
create role rds_reserved nologin;
create role rds_extension nologin;
create role rdsrepladmin nologin replication;
create role rdstopmgr login;
create role rds_pgaudit nologin;
grant pg_monitor to rdstopmgr;
grant pg_monitor, pg_signal_backend, pg_checkpoint, pg_read_all_data, pg_write_all_data, rds_replication, rds_password,
      rds_iam to rds_superuser with admin option;
\if :since_17
grant pg_maintain to rds_superuser with admin option;
\endif
grant set on parameter session_replication_role, log_statement, log_min_duration_statement to rds_superuser;
grant execute on function pg_stat_reset(), pg_replication_origin_create(text) to rds_superuser;
alter role rdsadmin set timezone = 'utc';

create role postgres login createdb createrole valid until 'infinity';
grant rds_superuser to postgres with admin option;

create database rdsadmin;
revoke connect on database rdsadmin from public;
alter database postgres owner to postgres;
create database tasks owner postgres;
alter database tasks set "pgaudit.role" = 'rds_pgaudit';
\connect tasks
create extension pg_stat_statements;

set role postgres;
create role shop login;
grant rds_iam to shop;
create role analyst login;
grant pg_read_all_data to analyst;
create schema shop;
create table shop.orders (id bigint primary key, customer text, total numeric);
grant usage on schema shop to shop;
grant select, insert, update, delete on shop.orders to shop;
grant usage on schema public to public;
create table public.spatial_ref_sys (srid integer primary key, srtext text);
grant select on public.spatial_ref_sys to public;
