-- Cloud SQL: cloudsqladmin is the superuser; the users of the console are members of cloudsqlsuperuser. Run by psql as
-- cloudsqladmin.
create role cloudsqlsuperuser login createdb createrole;
grant pg_monitor, pg_signal_backend to cloudsqlsuperuser with admin option;
create role cloudsqlagent login createdb createrole in role cloudsqlsuperuser;
create role cloudsqlimportexport login createdb createrole in role cloudsqlsuperuser;
create role cloudsqlreplica login replication;
create role cloudsqliamuser nologin;
create role cloudsqliamserviceaccount nologin;
create role cloudsqliamgroup nologin;
create role cloudsqlconnpooladmin login;
create role cloudsqlinactiveuser nologin;
grant execute on function pg_stat_reset() to cloudsqlsuperuser;
grant set on parameter session_replication_role to cloudsqlsuperuser;

create role postgres login createdb createrole in role cloudsqlsuperuser;
create role "backend@example.iam" login in role cloudsqliamserviceaccount;
alter database postgres owner to cloudsqlsuperuser;
create database cloudsqladmin;
revoke connect on database cloudsqladmin from public;
create database tasks owner cloudsqlsuperuser;
\connect tasks
alter schema public owner to cloudsqlsuperuser;
create extension pg_stat_statements;

set role postgres;
create table public.django_session (session_key varchar(40) primary key, session_data text not null, expire_date timestamptz);
grant select, insert, update, delete on public.django_session to "backend@example.iam";
create publication datastream for table public.django_session;
alter default privileges in schema public grant select on tables to cloudsqliamuser;
