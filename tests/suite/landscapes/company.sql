-- A company's own cluster: administrators with names, monitoring (Datadog, an exporter), backup (Barman, pg_dump), pgaudit,
-- pg_cron, and the application of another team in the same database. Run by psql as postgres.
create role anna login superuser;
create role ben login superuser;
create role migrator login createdb createrole;

create role datadog login;
create role exporter login;
create role zabbix login;
grant pg_monitor to datadog, exporter, zabbix;
alter role exporter set search_path = postgres_exporter, pg_catalog;

create role barman login;
grant pg_read_all_settings, pg_read_all_stats, pg_checkpoint to barman;
grant execute on function pg_backup_start(text, boolean), pg_backup_stop(boolean), pg_switch_wal(), pg_create_restore_point(text)
   to barman;
create role streaming_barman login replication;
create role nightly_dump login bypassrls;
grant pg_read_all_data to nightly_dump;
alter role nightly_dump set statement_timeout = 0;
create role standby login replication;

create role pgaudit_objects nologin;
create role crm_owner nologin;
create role crm_app login;
create role crm_readers nologin;
create role carla login;
grant crm_readers to carla;
create role erp login;
create database erp owner erp;
create database tasks owner migrator;
alter database tasks set "pgaudit.role" = 'pgaudit_objects';
alter database tasks set timezone = 'Europe/Berlin';
alter role anna set search_path = crm, public;
\connect tasks

create extension pg_stat_statements;
create extension pg_trgm;
create extension citext;

-- As Datadog documents it.
create schema datadog;
grant usage on schema datadog, public to datadog;
create function datadog.explain_statement(l_query text, out explain json) returns setof json
    language plpgsql returns null on null input security definer as $$
declare
    curs refcursor;
    plan json;
begin
    set transaction read only;
    open curs for execute pg_catalog.concat('EXPLAIN (FORMAT JSON) ', l_query);
    fetch curs into plan;
    close curs;
    return query select plan;
end
$$;

-- What pg_cron brings along.
create schema cron;
create table cron.job (
    jobid bigint generated always as identity primary key, schedule text not null, command text not null,
    nodename text not null default 'localhost', nodeport integer not null default 5432,
    database text not null default current_database(), username text not null default current_user,
    active boolean not null default true, jobname text);
alter table cron.job enable row level security;
create policy cron_job_policy on cron.job using (username = current_user);
grant select on cron.job to public;
grant usage on schema cron to public;
insert into cron.job (schedule, command, username, jobname) values
    ('0 3 * * *', 'vacuum analyze', 'postgres', 'nightly'),
    ('*/5 * * * *', 'select crm.refresh()', 'crm_app', 'totals');

create schema crm authorization crm_owner;
set role crm_owner;
create table crm.customers (id bigint primary key, email public.citext unique, note text, created_at timestamptz);
create table crm.visits (id bigint primary key, user_id bigint, page text, created_at timestamptz);
create index on crm.customers using gin (note public.gin_trgm_ops);
create view crm.recent as select * from crm.customers where created_at > now() - interval '7 days';
create materialized view crm.totals as select count(*) from crm.customers;
create function crm.refresh() returns void language plpgsql security definer set search_path = crm as
    $$ begin refresh materialized view crm.totals; end $$;
create function crm.show(app text) returns text language sql stable as 'select app';
grant usage on schema crm to crm_app, crm_readers;
grant select, insert, update, delete on all tables in schema crm to crm_app;
grant select on all tables in schema crm to crm_readers;
alter default privileges in schema crm grant select on tables to crm_readers;
reset role;
create function public.ddl_log() returns event_trigger language plpgsql as $$ begin raise log 'ddl: %', tg_tag; end $$;
create event trigger ddl_log on ddl_command_end execute function public.ddl_log();
create table public.countries (code text primary key, name text);
create table public.currencies (code text primary key, name text);
grant select on public.countries, public.currencies to public;
create publication crm_copy for table crm.customers;
