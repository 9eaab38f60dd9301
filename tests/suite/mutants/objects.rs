//! Objects beside the tables, and privileges on them.

use super::mutant::{mutant, try_each};
use super::test_cluster::TestCluster;

#[tokio::test]
#[ignore = "needs minutes, and clusters of its own: `make test-all`"]
async fn a_privilege_on_future_objects_is_reported() {
    let mutants = vec![
        mutant(
            "alter default privileges for role rowkeep_owner in schema app grant select on tables to rowkeep_api",
            &["FAIL grants future objects of rowkeep_owner in schema app are granted to rowkeep_api: select"],
        ),
        mutant(
            "alter default privileges for role rowkeep_owner in schema app grant all on tables to public",
            &["FAIL grants future objects of rowkeep_owner in schema app are granted to public: .. truncate"],
        ),
        mutant(
            "alter default privileges for role rowkeep_owner grant select on tables to other_role",
            &["FAIL grants future objects of rowkeep_owner are granted to other_role: select"],
        ),
        mutant(
            "alter default privileges for role postgres in schema app grant select on tables to rowkeep_api",
            &["FAIL grants future objects of postgres in schema app are granted to rowkeep_api: select"],
        ),
        mutant(
            "alter default privileges for role rowkeep_owner in schema rowkeep grant select on tables to rowkeep_api",
            &[
                "FAIL grants future objects of rowkeep_owner in schema rowkeep are granted to rowkeep_api: select",
            ],
        ),
        mutant(
            "alter default privileges for role rowkeep_owner in schema app grant usage on sequences to rowkeep_api",
            &["FAIL grants future objects of rowkeep_owner in schema app are granted to rowkeep_api: usage"],
        ),
        mutant(
            "alter default privileges for role rowkeep_owner in schema app grant execute on functions to public",
            &["FAIL grants future objects of rowkeep_owner in schema app are granted to public: execute"],
        ),
        mutant(
            "alter default privileges for role rowkeep_owner grant usage on schemas to other_role",
            &["FAIL grants future objects of rowkeep_owner are granted to other_role: usage"],
        ),
        mutant(
            "alter default privileges for role postgres grant select on tables to rowkeep_api",
            &["NOTE grants future objects of postgres are granted: select on tables to rowkeep_api"],
        ),
    ];
    try_each(TestCluster::shared().await, "migrated", mutants).await;
}

#[tokio::test]
#[ignore = "needs minutes, and clusters of its own: `make test-all`"]
async fn a_new_object_in_the_schema_is_reported() {
    let of_owner = "create table app.notes (user_id text not null default app.current_user_id(), \
                    id bigint not null generated always as identity, primary key (user_id, id)); \
                    alter table app.notes owner to rowkeep_owner; grant select on app.notes to rowkeep_api;";
    let live = |what: &str| format!("FAIL drift {what} exists, but is not declared");
    let others = |what: &str| format!("NOTE objects objects in app that are not of Rowkeep (1): {what}");
    let mutants = vec![
        // Requests cannot reach these.
        mutant("create type app.mood as enum ('fine')", &[&others("type app.mood")]).by_hand(),
        mutant("create type app.pair as (one text, two text)", &[&others("type app.pair")]).by_hand(),
        mutant("create domain app.name as text", &[&others("type app.name")]).by_hand(),
        mutant("create sequence app.numbers", &[&others("app.numbers")]).by_hand(),
        mutant("create table app.orders (id int primary key, note text check (note <> ''))", &[&others("app.orders")]).by_hand(),
        mutant(
            "create table app.tasks_old as table app.tasks",
            &["FAIL table app.tasks_old has every column of app.tasks; nobody but its owner reads it; owner postgres"],
        )
        .by_hand(),
        mutant(
            "create table app.tasks_old as table app.tasks; grant select on app.tasks_old to rowkeep_api",
            &["FAIL grants select on other table app.tasks_old to rowkeep_api: it is no table of Rowkeep",
              "FAIL table app.tasks_old has every column of app.tasks; read by rowkeep_api; owner postgres"],
        )
        .by_hand(),
        mutant(
            "create function app.same(text, text) returns boolean language sql immutable set search_path = '' return true; \
             create operator app.= (leftarg = text, rightarg = text, function = app.same)",
            &["FAIL drift operator app.=(text,text) exists", "FAIL drift function app.same(text,text) exists"],
        )
        .by_hand(),
        mutant("create collation app.c (locale = 'C')", &[&live("collation app.c")]),
        mutant("create sequence app.numbers; grant usage on sequence app.numbers to public", &[&live("sequence app.numbers")]).by_hand(),
        mutant("create text search configuration app.words (copy = pg_catalog.simple)", &[&live("text search configuration app.words")]).by_hand(),
        mutant(
            "create aggregate app.all_of_them(text) (sfunc = textcat, stype = text)",
            &["FAIL grants execute on app.all_of_them(text) to public", "FAIL drift function app.all_of_them(text) exists"],
        ),
        mutant(
            "create procedure app.empty() language sql as 'delete from app.tasks'",
            &["FAIL function app.empty() does not set search_path", "FAIL drift function app.empty() exists"],
        ),
        mutant(
            of_owner,
            &["FAIL table app.notes: row security NOT enabled", "FAIL policy app.notes has no fence",
              "FAIL drift table app.notes exists, but is not declared"],
        )
        .by_hand(),
        mutant(
            format!("{of_owner} alter table app.notes enable row level security, force row level security; \
                     create policy lax on app.notes to rowkeep_api using (true)"),
            &["FAIL policy app.notes has no fence", "FAIL policy app.notes lax: .. its condition for reading",
              "FAIL drift policy lax on app.notes exists, but is not declared", "FAIL proof app.notes: "],
        )
        .by_hand(),
        mutant(
            "create table app.notes (id bigint primary key, body text); alter table app.notes owner to rowkeep_owner, \
             enable row level security, force row level security; grant select on app.notes to rowkeep_api",
            &["FAIL table app.notes: no column user_id", "FAIL table app.notes: unique: .. does not begin with user_id"],
        )
        .by_hand(),
        mutant(
            "create table app.notes (user_id varchar(20) not null default app.current_user_id(), primary key (user_id)); \
             grant select on app.notes to public",
            &["FAIL table app.notes: user_id character varying(20) collate \"default\" not null", "FAIL table app.notes: .. owner postgres"],
        )
        .by_hand(),
        mutant(
            "create table app.notes (user_id text not null default app.current_user_id()) partition by list (user_id); \
             create table public.part partition of app.notes default; grant delete on app.notes to rowkeep_api",
            &["FAIL table app.notes: row security NOT enabled", "FAIL objects public.part inherits from app.notes"],
        )
        .by_hand(),
        mutant(
            "create extension file_fdw; create server files foreign data wrapper file_fdw; \
             create foreign table app.notes (user_id text not null default app.current_user_id()) server files \
             options (filename '/dev/null'); grant select on app.notes to rowkeep_api",
            &["FAIL table app.notes: .. a FOREIGN table", "NOTE objects extensions: file_fdw", "NOTE objects foreign servers: files"],
        )
        .by_hand(),
    ];
    try_each(TestCluster::shared().await, "migrated", mutants).await;
}

#[tokio::test]
#[ignore = "needs minutes, and clusters of its own: `make test-all`"]
async fn code_that_runs_beside_the_tables_is_reported() {
    let mutants = vec![
        mutant(
            "create function public.watch() returns event_trigger language plpgsql as 'begin end'; \
             create event trigger watch on ddl_command_end execute function public.watch()",
            &["NOTE objects event trigger watch runs public.watch()"],
        ),
        mutant("create extension pg_trgm", &["NOTE objects extensions: pg_trgm"]),
        mutant("create extension dblink", &["NOTE objects extensions: dblink"]),
        mutant(
            "create subscription taken connection 'dbname=nowhere' publication spread \
             with (connect = false, slot_name = none)",
            &["NOTE bypass subscription taken of postgres writes rows here: no policy checks them"],
        ),
        mutant(
            "create function public.leaky(text) returns boolean language plpgsql leakproof cost 0.0000001 as \
             $$ begin raise notice '%', $1; return true; end $$",
            &["FAIL function public.leaky(text) is LEAKPROOF"],
        ),
        mutant(
            "create function public.read(text) returns text language internal strict as 'pg_read_file_all'",
            &[
                "NOTE function public.read(text) is in language internal, and public may execute it: no policy applies",
            ],
        ),
        mutant(
            "create function public.peep(q text) returns setof record language plpgsql security definer as \
             $$ begin return query execute q; end $$",
            &[
                "FAIL function public.peep(text) runs as postgres (SECURITY DEFINER), and public may execute it",
            ],
        ),
        mutant(
            "create function public.peek(q text) returns setof record language plpgsql security definer as \
             $$ begin return query execute q; end $$; grant execute on function public.peek(text) to rowkeep_api",
            &[
                "FAIL function public.peek(text) runs as postgres (SECURITY DEFINER), and public, rowkeep_api may execute it",
            ],
        ),
        mutant(
            "create function public.peek() returns bigint language plpgsql security definer set search_path = app as \
             $$ begin return (select count(*) from tasks); end $$",
            &["FAIL function public.peek() runs as postgres (SECURITY DEFINER)"],
        ),
        mutant(
            "grant create on schema public to public",
            &["NOTE schema public may create objects in public"],
        ),
        mutant(
            "grant create on schema public to rowkeep_api",
            &["NOTE schema rowkeep_api may create objects in public"],
        ),
    ];
    try_each(TestCluster::shared().await, "migrated", mutants).await;
}

/// PostgreSQL's own objects hold values of rows, and some of its functions read files.
#[tokio::test]
#[ignore = "needs minutes, and clusters of its own: `make test-all`"]
async fn a_privilege_on_an_object_of_postgres_is_reported() {
    let mut mutants = Vec::new();
    for (privilege, on) in [
        ("select", "pg_catalog.pg_statistic"),
        ("select", "pg_catalog.pg_authid"),
        ("update", "pg_catalog.pg_policy"),
        ("execute", "function pg_catalog.pg_read_file(text)"),
        ("execute", "function pg_catalog.lo_import(text)"),
    ] {
        for receiver in ["rowkeep_api", "rowkeep_auditor", "rowkeep_login", "public"] {
            let named = on.replace("function pg_catalog.", "");
            let expected = format!(
                "FAIL grants {privilege} on .. {named} to {receiver}: PostgreSQL does not grant it by default"
            );
            mutants.push(mutant(format!("grant {privilege} on {on} to {receiver}"), &[&expected]));
        }
    }
    mutants.extend([
        mutant(
            "grant select (rolpassword) on pg_catalog.pg_authid to rowkeep_api",
            &["FAIL grants select (rolpassword) on pg_catalog.pg_authid to rowkeep_api"],
        ),
        mutant(
            "do $$ begin execute format('grant select on %s to rowkeep_api', (select reltoastrelid::regclass from pg_class \
             where oid = 'app.tasks'::regclass)); end $$",
            &["FAIL grants select on pg_toast.pg_toast_ .. to rowkeep_api"],
        ),
    ]);
    // Not the shared cluster: the audit of every database there would name these grants.
    try_each(&TestCluster::own().await, "migrated", mutants).await;
}

/// They hold no rows, so each has a statement that removes it.
#[tokio::test]
#[ignore = "needs minutes, and clusters of its own: `make test-all`"]
async fn objects_that_are_neither_tables_nor_functions_are_removed_by_their_fix() {
    let mutants = vec![
        mutant(
            "create statistics app.mine on title, completed from app.tasks",
            &["FAIL drift statistics object app.mine exists, but is not declared"],
        ),
        mutant(
            "create operator app.=== (leftarg = int, rightarg = int, function = int4eq)",
            &["FAIL drift operator app.===(integer,integer) exists, but is not declared"],
        ),
        mutant(
            "create text search configuration app.mine (copy = simple)",
            &["FAIL drift text search configuration app.mine exists, but is not declared"],
        ),
        mutant(
            "create operator family app.mine using btree",
            &["FAIL drift operator family app.mine for access method btree exists, but is not declared"],
        ),
    ];
    try_each(TestCluster::shared().await, "migrated", mutants).await;
}
