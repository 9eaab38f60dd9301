//! What a user, and the login that the server lets them in through, may not do at all.

use super::super::catalogue::described;
use super::forbidden::*;
use super::{BOBS, NONE, Stage, as_expected, refused, sees};

#[tokio::test]
async fn bob_is_refused_whatever_is_more_than_his_tasks() {
    let stage = Stage::new().await;
    let before = described(&stage.admin).await;

    let bob = stage.user("bob").await;

    for theme in [ON_THE_TABLE, CREATING, ALTERING, BECOMING, ON_THE_SERVER] {
        as_expected(vec![bob.surprises(theme, &refused("42501")).await]);
    }
    assert_eq!(described(&stage.admin).await, before);
}

/// Whether it starts as the role of requests or has left it.
#[tokio::test]
async fn the_recommended_login_is_refused_whatever_is_more_than_a_users_tasks() {
    let stage = Stage::new().await;
    let before = described(&stage.admin).await;

    for opening in ["", "set role none"] {
        let login = stage.seat("rowkeep_login", opening).await;
        for theme in [ON_THE_TABLE, CREATING, ALTERING, BECOMING, ON_THE_SERVER, OUTSIDE_A_TRANSACTION] {
            as_expected(vec![login.surprises(theme, &refused("42501")).await]);
        }
    }

    assert_eq!(described(&stage.admin).await, before);
}

/// What is turned down for another reason than a missing right.
#[tokio::test]
async fn bob_is_refused_what_the_server_does_not_do_at_all() {
    let stage = Stage::new().await;
    let bob = stage.user("bob").await;

    let refusals = [
        // feature_not_supported: with row security there is no COPY FROM
        ("0A000", "copy app.tasks (title) from stdin"),
        // object_not_in_prerequisite_state: max_prepared_transactions is 0
        ("55000", "prepare transaction 'x'"),
        // undefined_function, undefined_object: nobody has installed it
        ("42883", "select dblink('', 'select 1')"),
        ("42704", "create server mine foreign data wrapper postgres_fdw"),
        ("42704", "import foreign schema app from server mine into app"),
        ("42704", "create user mapping for public server mine"),
        ("42704", "do language plpython3u 'x'"),
        // active_sql_transaction
        ("25001", "vacuum app.tasks"),
        ("25001", "discard all"),
        ("25001", "alter system set row_security = off"),
        // invalid_table_definition, wrong_object_type: nothing temporary hangs on a table that is not
        (
            "42P16",
            "create temp table mine (user_id text, id bigint, foreign key (user_id, id) references app.tasks)",
        ),
        ("42809", "create temp table mine partition of app.tasks default"),
    ];

    for (state, sql) in refusals {
        as_expected(vec![bob.surprises(&[sql], &refused(state)).await]);
    }
}

/// Where an extension's files are missing that is said first (feature_not_supported).
#[tokio::test]
async fn bob_installs_no_extension() {
    let stage = Stage::new().await;
    let bob = stage.user("bob").await;

    for name in ["dblink", "postgres_fdw", "pageinspect", "pg_trgm", "plpython3u", "file_fdw"] {
        let came = bob.sends(&format!("create extension {name}")).await;
        assert!(came == refused("42501") || came == refused("0A000"), "{name}: {came:?}");
    }
}

/// Without a right to pass on, GRANT and REVOKE are a warning and nothing else.
#[tokio::test]
async fn what_bob_grants_and_revokes_changes_nobodys_privileges() {
    let stage = Stage::new().await;
    let before = described(&stage.admin).await;
    let bob = stage.user("bob").await;

    for sql in [
        "grant select on app.tasks to public",
        "grant all on app.tasks to rowkeep_auditor with grant option",
        "grant usage on schema app to public",
        "grant execute on function app.identify(text) to public",
        "grant all on all tables in schema app to rowkeep_auditor",
        "revoke all on app.tasks from rowkeep_api",
        "revoke usage on schema app from rowkeep_api",
        "revoke execute on all functions in schema app from rowkeep_api",
    ] {
        let came = bob.sends(sql).await;
        assert!(came == sees(NONE) || came == refused("42501"), "{sql}: {came:?}");
    }

    assert_eq!(described(&stage.admin).await, before);
    as_expected(vec![bob.surprises(&["table app.tasks"], &sees(BOBS)).await]);
}
