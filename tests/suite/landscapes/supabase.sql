-- Supabase: supabase_admin is the superuser; postgres has the attributes of one, except SUPERUSER. PostgREST logs in as
-- authenticator. Run by psql as supabase_admin.
select current_setting('server_version_num')::integer >= 160000 as since_16 \gset

alter role supabase_admin createdb createrole replication bypassrls;
create role postgres login createdb createrole replication bypassrls;
alter database postgres owner to postgres;
grant pg_monitor, pg_read_all_data, pg_signal_backend to postgres with admin option;

create role supabase_replication_admin login replication;
create role supabase_etl_admin login replication;
grant pg_read_all_data to supabase_etl_admin;
create role supabase_read_only_user login bypassrls;
grant pg_read_all_data to supabase_read_only_user;
create role anon nologin noinherit;
create role authenticated nologin noinherit;
create role service_role nologin noinherit bypassrls;
create role authenticator login noinherit;
grant anon, authenticated, service_role to authenticator;
\if :since_16
grant anon, authenticated, service_role to postgres with admin option;
\else
grant anon, authenticated, service_role to postgres;
\endif
create role supabase_auth_admin login noinherit createrole;
create role supabase_storage_admin login noinherit;
grant authenticator to supabase_storage_admin;
create role supabase_realtime_admin nologin noinherit;
create role supabase_functions_admin login noinherit createrole;
create role dashboard_user createdb createrole replication;
create role pgbouncer login;

create publication supabase_realtime;

create schema extensions;
create extension "uuid-ossp" schema extensions;
create extension pgcrypto schema extensions;
create extension pg_stat_statements schema extensions;
grant usage on schema extensions to postgres, anon, authenticated, service_role;
grant all on schema extensions to dashboard_user;
grant usage on schema public to postgres, anon, authenticated, service_role;
alter default privileges in schema public grant all on tables to postgres, anon, authenticated, service_role;
alter default privileges in schema public grant all on functions to postgres, anon, authenticated, service_role;
alter default privileges in schema public grant all on sequences to postgres, anon, authenticated, service_role;
alter default privileges for role postgres in schema public grant all on tables to postgres, anon, authenticated, service_role;
alter default privileges for role postgres in schema public grant all on functions to postgres, anon, authenticated, service_role;
alter default privileges for role postgres in schema public grant all on sequences to postgres, anon, authenticated, service_role;

create schema auth authorization supabase_auth_admin;
create table auth.users (id uuid primary key, email text, encrypted_password text, created_at timestamptz);
create table auth.sessions (id uuid primary key, user_id uuid not null, created_at timestamptz, updated_at timestamptz);
create function auth.uid() returns uuid language sql stable as
    $$ select nullif(current_setting('request.jwt.claim.sub', true), '')::uuid $$;
alter table auth.users owner to supabase_auth_admin;
alter table auth.sessions owner to supabase_auth_admin;
alter function auth.uid() owner to supabase_auth_admin;
grant usage on schema auth to postgres, anon, authenticated, service_role;
grant select, insert, update, delete on auth.users, auth.sessions to postgres, dashboard_user;
alter role supabase_auth_admin set search_path = 'auth';
alter role supabase_auth_admin set idle_in_transaction_session_timeout = '60000';

create schema storage authorization supabase_admin;
create table storage.objects (id uuid primary key, bucket_id text, name text, owner uuid, created_at timestamptz);
create table storage.migrations (id integer primary key, name text, hash text);
alter table storage.objects owner to supabase_storage_admin;
alter table storage.objects enable row level security;
grant usage on schema storage to postgres, anon, authenticated, service_role;
grant all on storage.objects to anon, authenticated, service_role, postgres;
alter role supabase_storage_admin set search_path = 'storage';

create schema realtime;
create table realtime.messages (id bigint, topic text, payload jsonb, inserted_at timestamp);
grant usage on schema realtime to postgres, anon, authenticated, service_role;
grant select on realtime.messages to anon, authenticated, service_role;

create schema vault;
create table vault.secrets (id uuid primary key, name text, secret text);

create schema pgbouncer authorization pgbouncer;
create function pgbouncer.get_auth(p_usename text) returns table (username text, password text) language plpgsql
    security definer set search_path = '' as $$
begin
    return query
    select rolname::text, case when rolvaliduntil < now() then null else rolpassword::text end
      from pg_authid
     where rolname = $1 and rolcanlogin;
end
$$;
revoke all on function pgbouncer.get_auth(text) from public;
grant execute on function pgbouncer.get_auth(text) to pgbouncer;

-- The event triggers run in each transaction that changes the schema, also in a migration.
create function extensions.grant_pg_cron_access() returns event_trigger language plpgsql as $$
begin
    if exists (select from pg_event_trigger_ddl_commands() e where e.object_identity = 'cron') then
        grant usage on schema cron to postgres with grant option;
    end if;
end
$$;
create function extensions.pgrst_ddl_watch() returns event_trigger language plpgsql as $$
declare
    cmd record;
begin
    for cmd in select * from pg_event_trigger_ddl_commands() loop
        if cmd.command_tag in ('CREATE SCHEMA', 'CREATE TABLE', 'ALTER TABLE', 'CREATE FUNCTION', 'COMMENT')
           and cmd.schema_name is distinct from 'pg_temp' then
            notify pgrst, 'reload schema';
        end if;
    end loop;
end
$$;
create function extensions.pgrst_drop_watch() returns event_trigger language plpgsql as $$
declare
    obj record;
begin
    for obj in select * from pg_event_trigger_dropped_objects() loop
        if obj.object_type in ('schema', 'table', 'view', 'function') and not obj.is_temporary then
            notify pgrst, 'reload schema';
        end if;
    end loop;
end
$$;
create event trigger issue_pg_cron_access on ddl_command_end when tag in ('CREATE EXTENSION')
    execute function extensions.grant_pg_cron_access();
create event trigger issue_pg_net_access on ddl_command_end when tag in ('CREATE EXTENSION')
    execute function extensions.grant_pg_cron_access();
create event trigger issue_graphql_placeholder on sql_drop when tag in ('DROP EXTENSION')
    execute function extensions.pgrst_drop_watch();
create event trigger pgrst_ddl_watch on ddl_command_end execute function extensions.pgrst_ddl_watch();
create event trigger pgrst_drop_watch on sql_drop execute function extensions.pgrst_drop_watch();

alter role anon set statement_timeout = '3s';
alter role authenticated set statement_timeout = '8s';
alter role authenticator set statement_timeout = '8s';
alter role authenticator set lock_timeout = '8s';
alter role supabase_admin set search_path = '$user', public, auth, extensions;
alter role postgres set search_path = '$user', public, extensions;
alter database postgres set "app.settings.jwt_exp" = '3600';

set role postgres;
create table public.countries (id bigint generated always as identity primary key, name text not null);
alter table public.countries enable row level security;
create policy "everybody reads" on public.countries for select using (true);
