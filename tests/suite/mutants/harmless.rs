//! Usual set-ups beside Rowkeep cause no FAIL.

use super::test_cluster::{Copy, TestCluster};

/// Applies a change, and expects no FAIL.
async fn is_no_failure(copy: &Copy<'_>, change: &str) {
    copy.admin.batch_execute(change).await.unwrap_or_else(|error| panic!("{change}: {error:?}"));
    let audit = copy.audit().await;
    let failing: Vec<_> = audit.facts.iter().filter(|fact| fact.fails()).collect();
    assert!(failing.is_empty() && audit.code == Some(0), "{change}: {failing:?}");
}

#[tokio::test]
#[ignore = "needs minutes, and clusters of its own: `make test-all`"]
async fn other_applications_in_the_same_database_are_no_failure() {
    let test_cluster = TestCluster::own().await;
    let copy = test_cluster.copy("migrated").await;
    for change in [
        "create extension pg_trgm; create extension pgcrypto; create extension citext; create extension btree_gist",
        "create role shop login; create role shop_readers; create schema shop authorization shop",
        "create table shop.orders (id bigint primary key, email citext unique, note text); \
         create index on shop.orders using gin (note public.gin_trgm_ops); alter table shop.orders owner to shop",
        "create view shop.recent as table shop.orders; create materialized view shop.totals as select count(*) from shop.orders; \
         grant select on shop.recent, shop.totals to shop_readers",
        "create function shop.total() returns bigint language sql stable as 'select count(*) from shop.orders'",
        "create function shop.next() returns bigint language plpgsql security definer as $$ begin return 1; end $$; \
         alter function shop.next() owner to shop",
        "create function public.housekeeping() returns void language plpgsql security definer as \
         $$ begin delete from shop.orders where id < 0; end $$",
        "create rule keep as on delete to shop.orders do instead nothing; create trigger t before update on shop.orders \
         for each row execute function suppress_redundant_updates_trigger()",
        "alter default privileges for role shop grant select on tables to shop_readers; \
         alter default privileges for role shop in schema shop grant execute on functions to shop_readers; \
         alter default privileges for role postgres in schema public grant select on tables to shop_readers",
        "create publication shop_orders for table shop.orders",
        "create table shop.parent (id int); create table shop.child () inherits (shop.parent)",
        "create domain public.email as text; create type public.mood as enum ('fine'); create sequence public.numbers",
        "alter table shop.orders enable row level security; create policy lax on shop.orders using (true)",
        // A server that leads elsewhere, for which only its own application has a password.
        "create foreign data wrapper shop_wrapper; \
         create server legacy foreign data wrapper shop_wrapper options (host 'legacy.internal', dbname 'legacy'); \
         create user mapping for shop server legacy options (user 'shop'); grant usage on foreign server legacy to public",
        "create table shop.readable (id int); grant select on shop.readable to public",
        // This setting gives backslashes in literals another meaning.
        "do $$ begin execute format('alter database %I set standard_conforming_strings = off', current_database()); end $$",
    ] {
        is_no_failure(&copy, change).await;
    }
    copy.discard().await;
}

#[tokio::test]
#[ignore = "needs minutes, and clusters of its own: `make test-all`"]
async fn the_roles_of_a_usual_set_up_are_no_failure() {
    let test_cluster = TestCluster::own().await;
    let copy = test_cluster.copy("migrated").await;
    for change in [
        // The migrating login of a server without an accessible superuser.
        "create role migrator login createrole createdb; grant rowkeep_owner, rowkeep_api to migrator with admin option; \
         do $$ begin execute format('alter database %I owner to migrator', current_database()); end $$",
        "create role watcher login; grant pg_monitor to watcher; alter role watcher set default_transaction_read_only = on",
        "create role auditor login; grant rowkeep_auditor to auditor",
        "create role backup login bypassrls; grant pg_read_all_data to backup; alter role backup set statement_timeout = 0",
        "create role standby login replication",
        "create role another_login login; grant rowkeep_api to another_login; alter role another_login set role = 'rowkeep_api'",
        "create role dba login superuser; alter role dba set search_path = app, public; alter role dba set row_security = on",
        "alter role all set statement_timeout = '1h'; alter role all set timezone = 'UTC'",
        "grant set on parameter log_statement to watcher",
        "grant execute on function pg_catalog.pg_ls_dir(text) to watcher; grant select on pg_catalog.pg_statistic to watcher",
    ] {
        is_no_failure(&copy, change).await;
    }
    copy.discard().await;
}

/// Hosting services have such logins: with CREATEROLE, but no superuser.
#[tokio::test]
#[ignore = "needs minutes, and clusters of its own: `make test-all`"]
async fn a_database_migrated_by_a_login_with_createrole_is_no_failure() {
    let cluster = crate::world::OwnCluster::start().await;
    let admin = cluster.superuser("postgres").await;
    admin.batch_execute("create role migrator login createrole createdb").await.expect("a role");
    admin.batch_execute("create database tasks owner migrator").await.expect("a database");
    let migrator = cluster.address("migrator", "tasks");
    rowkeep::schema::migrate(&migrator, false).await.expect("a migrated database");

    let report = rowkeep::audit::audit(&migrator).await.expect("a report");

    assert_eq!(report.failing(), [""; 0], "{report}");
}

/// Functions whose text looks dangerous and is not.
#[tokio::test]
#[ignore = "needs minutes, and clusters of its own: `make test-all`"]
async fn functions_that_reach_no_row_for_a_caller_are_no_failure() {
    let test_cluster = TestCluster::own().await;
    let copy = test_cluster.copy("migrated").await;
    for change in [
        // Who calls the function of a trigger needs a table of their own. And it gives no row back.
        "create function public.copy_title() returns trigger language plpgsql security definer as \
         $$ begin perform count(*) from app.tasks; return new; end $$",
        "create function public.watch() returns event_trigger language plpgsql security definer as \
         $$ begin execute 'select 1 from app.tasks'; end $$; \
         create event trigger watch on ddl_command_end execute function public.watch()",
        // A parameter named app.
        "create function public.announce(app text) returns text language plpgsql security definer as \
         $$ begin return 'hello ' || app; end $$",
        // Tables of another application that are called tasks, and comments.
        "create schema shop; create table shop.tasks (id bigint); \
         create function shop.total() returns bigint language plpgsql security definer set search_path = shop as \
         $$ begin\n-- execute nothing in app.tasks\nreturn (select count(*) from tasks); end $$; \
         create function shop.qualified() returns bigint language sql security definer as 'select count(*) from shop.tasks'",
        // A parameter and an alias, an EXECUTE in a comment and in a text, and dynamic statements in which a caller chooses no
        // table.
        "create function shop.sum() returns bigint language plpgsql security definer set search_path = shop as \
         $$ begin return (select sum(app.tasks) from shop.apps app); end $$; \
         create function shop.note() returns void language plpgsql security definer set search_path = shop as \
         $$ begin /* we execute nothing here */ raise log 'will execute %', 1; end $$; \
         create function shop.refresh() returns void language plpgsql security definer set search_path = shop as \
         $$ begin execute 'refresh materialized view shop.totals'; end $$; \
         create function shop.partition(month text) returns void language plpgsql security definer set search_path = shop as \
         $$ begin execute format('create table if not exists shop.%I (id bigint)', month); \
                  execute 'refresh materialized view shop.' || quote_ident(month); end $$; \
         create function shop.each(x int) returns void language plpgsql security definer set search_path = shop as \
         $$ declare r record; begin for r in execute 'select id from shop.tasks where id = $1' using x loop null; end loop; end $$",
        // Its owner reads the statistics of all tables, and no row of app.
        "create role analyst login; grant pg_read_all_data to analyst; grant create on schema public to analyst; \
         set role analyst; create function public.none() returns bigint language sql security definer as \
         'select count(*) from app.tasks'; reset role; revoke create on schema public from analyst",
        // Static statements with the word EXECUTE.
        "create function public.grants() returns void language plpgsql security definer as \
         $$ begin grant execute on function public.announce(text) to postgres; end $$",
        // A schema that only other roles may use, and a function that only one may execute.
        "create role monitor login; create schema hidden; grant usage on schema hidden to monitor; \
         create function hidden.explain(q text) returns void language plpgsql security definer as $$ begin execute q; end $$",
        "create function public.total() returns bigint language sql security definer as 'select count(*) from app.tasks'; \
         revoke execute on function public.total() from public; grant execute on function public.total() to monitor",
        // A DBA who hardens PostgreSQL's own functions.
        "revoke execute on function pg_catalog.set_config(text, text, boolean) from public; \
         grant execute on function pg_catalog.set_config(text, text, boolean) to public",
        "alter role monitor set session_replication_role = replica; alter role monitor set log_statement = 'all'",
    ] {
        is_no_failure(&copy, change).await;
    }
    copy.discard().await;
}

/// The new NOTEs and FAILs that a change causes, without the blanks.
async fn news(copy: &Copy<'_>, change: &str) -> Vec<String> {
    let before = copy.audit().await.facts;
    copy.admin.batch_execute(change).await.unwrap_or_else(|error| panic!("{change}: {error:?}"));
    let after = copy.audit().await.facts.into_iter();
    let new = after.filter(|fact| !fact.text.starts_with("OK ") && !before.contains(fact));
    new.map(|fact| fact.text).collect()
}

/// PostgreSQL lists its own default, that PUBLIC may execute functions, beside a grant that somebody made.
#[tokio::test]
#[ignore = "needs minutes, and clusters of its own: `make test-all`"]
async fn a_default_privilege_of_postgresql_itself_is_no_finding() {
    let test_cluster = TestCluster::own().await;
    let copy = test_cluster.copy("migrated").await;

    let ours = "alter default privileges for role rowkeep_owner grant execute on functions to other_role";
    let ours = news(&copy, ours).await;
    let others =
        "create role shop; alter default privileges for role shop grant execute on functions to other_role";
    let others = news(&copy, others).await;

    assert_eq!(ours, ["FAIL grants future objects of rowkeep_owner are granted to other_role: execute"]);
    assert_eq!(
        others,
        ["NOTE grants future objects of shop are granted: execute on functions to other_role"]
    );
    copy.discard().await;
}

/// PostgreSQL lists an aggregate under the language internal, whatever it calls.
#[tokio::test]
#[ignore = "needs minutes, and clusters of its own: `make test-all`"]
async fn an_aggregate_of_another_program_is_no_code_in_an_untrusted_language() {
    let test_cluster = TestCluster::own().await;
    let copy = test_cluster.copy("migrated").await;
    let joined = "create function public.joined(text, text) returns text language sql immutable set search_path = '' \
                  as 'select $1 || $2'; \
                  create aggregate public.all_joined(text) (sfunc = public.joined, stype = text)";
    let raw = "create function public.raw(text, text) returns text language internal immutable as 'textcat'; \
               create aggregate public.all_raw(text) (sfunc = public.raw, stype = text)";

    let (safe, unsafe_ones) = (news(&copy, joined).await, news(&copy, raw).await);

    assert_eq!(safe, [""; 0]);
    assert_eq!(unsafe_ones.len(), 2, "{unsafe_ones:?}");
    copy.discard().await;
}

/// Billing counts the rows of each user with a function that can read one column. The other way is a role that reads all.
#[tokio::test]
#[ignore = "needs minutes, and clusters of its own: `make test-all`"]
async fn a_function_that_sees_one_column_is_at_most_a_note() {
    let test_cluster = TestCluster::own().await;
    let copy = test_cluster.copy("migrated").await;

    let least = news(
        &copy,
        "create role billing nologin bypassrls; create role reporter login;
         grant usage on schema app to billing; grant select (user_id) on app.tasks to billing;
         create function public.tasks_of_users() returns table (user_id text, tasks bigint) language sql security definer
             set search_path = '' as 'select user_id, count(*) from app.tasks group by user_id';
         revoke execute on function public.tasks_of_users() from public;
         grant execute on function public.tasks_of_users() to reporter;
         grant create on schema public to billing; alter function public.tasks_of_users() owner to billing;
         revoke create on schema public from billing",
    )
    .await;
    let full = news(
        &copy,
        "create role everything login bypassrls; grant usage on schema app to everything; grant select on app.tasks to everything",
    )
    .await;

    let fails = |facts: &[String]| facts.iter().filter(|fact| fact.starts_with("FAIL ")).count();
    assert_eq!((fails(&least), fails(&full)), (0, 0), "{least:#?} {full:#?}");
    let function = "NOTE function public.tasks_of_users() runs as billing (SECURITY DEFINER), and reporter may execute it";
    let grant = "NOTE grants select on app.tasks.user_id to billing";
    assert!(
        [function, grant].iter().all(|note| least.iter().any(|fact| fact.starts_with(note))),
        "{least:#?}"
    );
    assert!(least.len() <= full.len() + 1, "one more for the function: {least:#?} {full:#?}");
    copy.discard().await;
}

/// pgaudit logs the statements on a table that the role of `pgaudit.role` could run.
#[tokio::test]
#[ignore = "needs minutes, and clusters of its own: `make test-all`"]
async fn the_role_that_tells_pgaudit_what_to_log_is_no_finding() {
    let test_cluster = TestCluster::own().await;
    let copy = test_cluster.copy("migrated").await;

    let found = news(
        &copy,
        "create role auditing nologin; alter role all set pgaudit.role = 'auditing';
         grant select, insert, update, delete, truncate on app.tasks to auditing; grant select (title) on app.tasks to auditing",
    )
    .await;

    assert_eq!(found, [""; 0]);
    // A person who can act as it has its privileges.
    let found = news(&copy, "create role bob login; grant auditing to bob").await;
    assert!(
        found.iter().any(|fact| fact.starts_with("FAIL grants truncate on app.tasks to auditing")),
        "{found:#?}"
    );
    copy.discard().await;
}
