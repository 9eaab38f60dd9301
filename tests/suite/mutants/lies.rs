//! What an OK of the audit must not hide: each of these was true while the report said OK, or nothing.

use super::mutant::{mutant, try_each};
use super::test_cluster::TestCluster;

/// Applies `damage`, and expects a report that has `truth` and not `lie`.
async fn the_report_tells(damage: &str, lie: &str, truth: &str) {
    let test_cluster = TestCluster::own().await;
    let copy = test_cluster.copy("migrated").await;
    assert!(copy.audit().await.facts.iter().any(|fact| fact.contains(lie)), "{lie} is not printed at all");
    copy.run_as(None, damage).await.unwrap_or_else(|error| panic!("{error}"));

    let audit = copy.audit().await;

    let has = |text: &str| audit.facts.iter().any(|fact| fact.contains(text));
    assert!(has(truth) && !has(lie), "{damage}: {}", audit.text);
    copy.discard().await;
}

const LOG_IS_QUIET: &str = "OK server no setting writes the values of requests to the server log";

#[tokio::test]
#[ignore = "needs minutes, and clusters of its own: `make test-all`"]
async fn the_log_of_one_login_is_named() {
    for (setting, truth) in [
        ("log_statement = 'all'", "log_statement = all, log_parameter_max_length = -1"),
        ("log_min_duration_statement = 0", "log_min_duration_statement = 0, log_parameter_max_length = -1"),
        ("log_parameter_max_length_on_error = '1kB'", "log_parameter_max_length_on_error = 1kB"),
        ("debug_print_plan = on", "debug_print_plan = on"),
        ("pgaudit.log = 'all'", "pgaudit.log = all"),
    ] {
        let damage = format!("alter role rowkeep_login set {setting}");
        let truth = format!("NOTE server role rowkeep_login has {truth}");
        the_report_tells(&damage, LOG_IS_QUIET, &truth).await;
    }
}

#[tokio::test]
#[ignore = "needs minutes, and clusters of its own: `make test-all`"]
async fn extensions_that_log_values_are_named() {
    for (settings, truth) in [
        (
            "load 'auto_explain'; alter role rowkeep_login set auto_explain.log_min_duration = 0",
            "NOTE server role rowkeep_login has auto_explain.log_min_duration = 0",
        ),
        (
            "alter role all set pgaudit.log = 'write'; alter role all set pgaudit.log_parameter = on",
            "NOTE server the server has pgaudit.log_parameter = on",
        ),
        // It logs each statement on a table that the role may use.
        (
            "alter role all set pgaudit.role = 'auditing'; alter role all set pgaudit.log_parameter = on",
            "NOTE server the server has pgaudit.log_parameter = on",
        ),
    ] {
        the_report_tells(settings, LOG_IS_QUIET, truth).await;
    }
}

/// The server logs every statement, but not those of the person who audits.
#[tokio::test]
#[ignore = "needs minutes, and clusters of its own: `make test-all`"]
async fn a_setting_that_the_login_does_not_see_is_not_called_ok() {
    the_report_tells(
        "alter system set log_statement = 'all'; select pg_reload_conf(); alter role postgres set log_statement = 'none'",
        LOG_IS_QUIET,
        "NOTE server log_statement: not looked at",
    )
    .await;
}

/// A key refuses a value because of another user's row.
#[tokio::test]
#[ignore = "needs minutes, and clusters of its own: `make test-all`"]
async fn a_key_that_begins_with_user_id_and_does_not_keep_users_apart_is_reported() {
    let mutants = vec![
        mutant(
            "create collation public.loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
             create unique index oracle on app.tasks (user_id collate public.loose, title)",
            &["FAIL table app.tasks: unique: .. compares user_id by another collation", "FAIL drift index app.oracle"],
        )
        .by_hand(),
        mutant(
            "create extension btree_gist;
             alter table app.tasks add constraint oracle exclude using gist (user_id with <>, title with =)",
            &[
                "FAIL table app.tasks: unique: oracle EXCLUDE .. does not compare user_id by PostgreSQL's own =",
                "FAIL drift constraint oracle on app.tasks",
            ],
        )
        .by_hand(),
        mutant(
            "create function public.equal(text, text) returns int language sql immutable as 'select 0';
             create operator class public.loose for type text using btree as operator 1 <, operator 2 <=, operator 3 =,
                 operator 4 >=, operator 5 >, function 1 public.equal(text, text);
             create unique index oracle on app.tasks (user_id public.loose)",
            &["FAIL table app.tasks: unique: .. does not compare user_id by PostgreSQL's own ="],
        )
        .by_hand(),
    ];
    try_each(TestCluster::shared().await, "migrated", mutants).await;
}

#[tokio::test]
#[ignore = "needs minutes, and clusters of its own: `make test-all`"]
async fn code_behind_a_harmless_looking_function_is_reported() {
    let mutants = vec![
        // It builds SQL without EXECUTE.
        mutant(
            "create function public.peek(q text) returns xml language sql security definer as \
             'select query_to_xml(q, true, false, '''')'",
            &["FAIL .. public.peek(text)"],
        ),
        // The caller's search path leads to app.
        mutant(
            "create function public.peek() returns bigint language sql security definer as 'select count(*) from tasks' \
             set search_path = app",
            &["FAIL function public.peek() runs as postgres"],
        ),
        mutant(
            "set search_path = app; create function public.peek() returns bigint language sql security definer as \
             'select count(*) from tasks'; reset search_path",
            &["FAIL function public.peek() runs as postgres"],
        ),
        mutant(
            "alter function app.current_user_id() support pg_catalog.generate_series_int4_support",
            &["FAIL function app.current_user_id() has a support function", "FAIL drift function app.current_user_id()"],
        ),
        mutant(
            "create function public.leaky(text) returns boolean language plpgsql leakproof as 'begin return true; end'; \
             create extension pg_trgm schema public; alter extension pg_trgm add function public.leaky(text)",
            &["FAIL function public.leaky(text) is LEAKPROOF"],
        )
        .by_hand(),
        mutant(
            "alter function pg_catalog.current_setting(text, boolean) immutable",
            &["FAIL identity pg_catalog.current_setting(text,boolean): not the one that PostgreSQL installs", "FAIL proof"],
        )
        .by_hand(),
        // What looks like the beginning of a comment is a part of a name or of a text.
        mutant(
            "create function public.peek() returns table (\"--\" int, title text) language sql security definer as \
             'select 1 as \"--\", title from app.tasks'",
            &["FAIL function public.peek() runs as postgres"],
        ),
        mutant(
            "create function public.peek() returns setof text language plpgsql security definer as \
             $f$ begin perform $x$ -- $x$; return query select title from app.tasks; end $f$",
            &["FAIL function public.peek() runs as postgres"],
        ),
        mutant(
            "create function public.peek() returns setof text language plpgsql security definer as \
             $f$ begin perform E'\\' -- ', ''; return query select title from app.tasks; perform 'end'; end $f$",
            &["FAIL function public.peek() runs as postgres"],
        ),
        // A comment ends with the line, also if a carriage return ends that.
        mutant(
            "do $$ begin execute E'create function public.peek() returns setof text language sql security definer as \
             $f$ -- all\\rselect title from app.tasks $f$'; end $$",
            &["FAIL function public.peek() runs as postgres"],
        ),
        // Between it and the table is more than one function, or a function in app.
        mutant(
            "create function public.titles() returns setof text language sql as 'select title from app.tasks'; \
             create function public.middle() returns setof text language sql as 'select public.titles()'; \
             create function public.peek() returns setof text language sql security definer as 'select public.middle()'",
            &["FAIL function public.peek() runs as postgres"],
        )
        .by_hand(),
        mutant(
            "create function app.titles() returns setof text language sql set search_path = '' as 'select title from app.tasks'; \
             alter function app.titles() owner to rowkeep_owner; revoke execute on function app.titles() from public; \
             create function public.peek() returns setof text language sql security definer as 'select app.titles()'",
            &["FAIL function public.peek() runs as postgres", "FAIL drift function app.titles() exists"],
        )
        .by_hand(),
        // The view reads as its caller, which is the owner of the function.
        mutant(
            "create view public.recent with (security_invoker = true) as select title from app.tasks; \
             create function public.peek() returns setof text language sql security definer as 'select title from public.recent'",
            &["FAIL function public.peek() runs as postgres", "NOTE objects view public.recent"],
        )
        .by_hand(),
        // The key of cursors, behind a view.
        mutant(
            "create view public.keys as table rowkeep.cursor_keys; grant select on public.keys to other_role",
            &["FAIL objects view public.keys"],
        ),
    ];
    try_each(TestCluster::shared().await, "migrated", mutants).await;
}

/// Its text is harmless, and its caller decides what `upper` is.
#[tokio::test]
#[ignore = "needs minutes, and clusters of its own: `make test-all`"]
async fn a_definer_function_that_sets_no_search_path_is_named_for_it() {
    let mutants = vec![
        mutant(
            "create function public.bound(t text) returns text language sql security definer set search_path = '' \
             as 'select pg_catalog.upper(t)'; \
             create function public.loose(t text) returns text language sql security definer as 'select upper(t)'",
            &["NOTE function SECURITY DEFINER functions of other programs (2) .. public.bound(text), public.loose(text); \
               these set no search_path, .. and so act as their owner: public.loose(text)"],
        )
        .by_hand(),
    ];
    try_each(TestCluster::shared().await, "migrated", mutants).await;
}

/// What postgres makes in app is open at once, though Rowkeep makes its own objects as rowkeep_owner.
#[tokio::test]
#[ignore = "needs minutes, and clusters of its own: `make test-all`"]
async fn default_privileges_of_a_role_that_may_create_in_app_are_not_called_ok() {
    the_report_tells(
        "alter default privileges for role postgres grant select on tables to other_role",
        "OK grants no default privilege grants anything on future objects of app or rowkeep",
        "NOTE grants future objects of postgres are granted: select on tables to other_role: it may create objects in app or rowkeep, and they are open at once",
    )
    .await;
}

/// PostgreSQL ignores a stored role that the login may not take on.
#[tokio::test]
#[ignore = "needs minutes, and clusters of its own: `make test-all`"]
async fn a_login_that_cannot_become_rowkeep_api_is_not_said_to_run_as_it() {
    the_report_tells(
        "revoke rowkeep_api from rowkeep_login",
        "OK login rowkeep_login runs as rowkeep_api from its first statement",
        "NOTE login rowkeep_login cannot become rowkeep_api, which is stored as its role",
    )
    .await;
}

/// The migration is tried for real.
#[tokio::test]
#[ignore = "needs minutes, and clusters of its own: `make test-all`"]
async fn a_login_is_said_to_migrate_only_if_it_can() {
    let test_cluster = TestCluster::own().await;
    let copy = test_cluster.copy("migrated").await;
    let database = &copy.name;
    let make = "create role mover login; grant rowkeep_owner, rowkeep_api to mover";
    copy.admin.batch_execute(make).await.expect("a login");
    let able = "OK login mover migrates: it can act as rowkeep_owner, and no stored role prevents it";
    let migrates = async || copy.run(&["migrate", "--reapply-policies"], "mover").await.0 == Some(0);

    for (damage, truth, undo) in [
        (
            format!("alter database {database} set role = 'rowkeep_api'"),
            format!("NOTE login mover migrates: database {database} stores role = rowkeep_api: its sessions start as that role"),
            format!("alter database {database} reset role"),
        ),
        (
            "alter role all set role = 'rowkeep_api'".to_owned(),
            "NOTE login mover migrates: every role stores role = rowkeep_api: its sessions start as that role".to_owned(),
            "alter role all reset role".to_owned(),
        ),
        (
            "revoke rowkeep_api from mover".to_owned(),
            "NOTE login mover migrates: it is not a member of rowkeep_api".to_owned(),
            "grant rowkeep_api to mover".to_owned(),
        ),
    ] {
        let before = copy.audit().await;
        assert!(before.facts.iter().any(|fact| fact.contains(able)), "{damage}: {}", before.text);
        assert!(migrates().await, "{damage}: before it");

        copy.admin.batch_execute(&damage).await.unwrap_or_else(|error| panic!("{damage}: {error:?}"));

        let audit = copy.audit().await;
        let has = |text: &str| audit.facts.iter().any(|fact| fact.contains(text));
        assert!(has(&truth) && !has(able), "{damage}: {}", audit.text);
        if damage.starts_with("alter ") {
            let named = format!("NOTE settings {}", truth.split_once("migrates: ").expect("a setting").1.split_once(':').expect("a holder").0);
            assert!(has(&named), "{named}: {}", audit.text);
        }
        assert!(!migrates().await, "{damage}: it can migrate");
        copy.admin.batch_execute(&undo).await.unwrap_or_else(|error| panic!("{undo}: {error:?}"));
    }
    copy.discard().await;
}
