//! Statements that users and the login of requests may not run at all.

use super::super::catalogue::described;
use super::forbidden::*;
use super::{BOBS, NONE, TestDatabase, assert_all_expected, refused, sees};

#[tokio::test]
async fn bob_is_refused_everything_beyond_his_tasks() {
    let database = TestDatabase::new().await;
    let before = described(&database.admin).await;

    let bob = database.user("bob").await;

    for theme in [ON_THE_TABLE, CREATING, ALTERING, BECOMING, ON_THE_SERVER] {
        assert_all_expected(vec![bob.unexpected(theme, &refused("42501")).await]);
    }
    assert_eq!(described(&database.admin).await, before);
}

/// With the role of requests and without it.
#[tokio::test]
async fn the_recommended_login_is_refused_everything_beyond_a_users_tasks() {
    let database = TestDatabase::new().await;
    let before = described(&database.admin).await;

    for opening in ["", "set role none"] {
        let login = database.session("rowkeep_login", opening).await;
        for theme in [ON_THE_TABLE, CREATING, ALTERING, BECOMING, ON_THE_SERVER, OUTSIDE_A_TRANSACTION] {
            assert_all_expected(vec![login.unexpected(theme, &refused("42501")).await]);
        }
    }

    assert_eq!(described(&database.admin).await, before);
}

/// Statements that fail for another reason than a missing privilege.
#[tokio::test]
async fn bob_is_refused_what_the_server_does_not_support() {
    let database = TestDatabase::new().await;
    let bob = database.user("bob").await;

    let refusals = [
        // feature_not_supported: with row security there is no COPY FROM
        ("0A000", "copy app.tasks (title) from stdin"),
        // object_not_in_prerequisite_state: max_prepared_transactions is 0
        ("55000", "prepare transaction 'x'"),
        // undefined_function, undefined_object: it is not installed
        ("42883", "select dblink('', 'select 1')"),
        ("42704", "create server mine foreign data wrapper postgres_fdw"),
        ("42704", "import foreign schema app from server mine into app"),
        ("42704", "create user mapping for public server mine"),
        ("42704", "do language plpython3u 'x'"),
        // active_sql_transaction
        ("25001", "vacuum app.tasks"),
        ("25001", "discard all"),
        ("25001", "alter system set row_security = off"),
        // invalid_table_definition, wrong_object_type: a permanent table takes no temporary objects
        (
            "42P16",
            "create temp table mine (user_id text, id bigint, foreign key (user_id, id) references app.tasks)",
        ),
        ("42809", "create temp table mine partition of app.tasks default"),
    ];

    for (state, sql) in refusals {
        assert_all_expected(vec![bob.unexpected(&[sql], &refused(state)).await]);
    }
}

/// If the files of an extension are missing, the error is feature_not_supported.
#[tokio::test]
async fn bob_installs_no_extension() {
    let database = TestDatabase::new().await;
    let bob = database.user("bob").await;

    for name in ["dblink", "postgres_fdw", "pageinspect", "pg_trgm", "plpython3u", "file_fdw"] {
        let came = bob.sends(&format!("create extension {name}")).await;
        assert!(came == refused("42501") || came == refused("0A000"), "{name}: {came:?}");
    }
}

/// Without a grant option, GRANT and REVOKE only warn.
#[tokio::test]
async fn bobs_grants_and_revokes_change_no_privileges() {
    let database = TestDatabase::new().await;
    let before = described(&database.admin).await;
    let bob = database.user("bob").await;

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

    assert_eq!(described(&database.admin).await, before);
    assert_all_expected(vec![bob.unexpected(&["table app.tasks"], &sees(BOBS)).await]);
}
