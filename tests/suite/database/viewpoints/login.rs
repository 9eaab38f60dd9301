//! What a login of requests can do beyond the rows of users, once somebody sends their own SQL: to itself, to its sessions and
//! to others. PostgreSQL has no privilege for most of it, and docs/security-model.md says so.

use super::super::support::{begin_as, state, texts};
use super::{TestDatabase, refused};
use crate::world::{OwnCluster, releases};

/// A login like the recommended one, for a test that changes it.
async fn login(database: &TestDatabase) -> String {
    database
        .login(
            "own",
            "grant rowkeep_api to {}; alter role {} set role = 'rowkeep_api'; alter role {} set temp_file_limit = '100MB';
             alter role {} connection limit 5",
        )
        .await
}

#[tokio::test]
async fn a_login_can_change_its_settings_and_its_password() {
    let database = TestDatabase::new().await;
    let name = login(&database).await;
    let client = database.database.client(&name).await;

    for change in [
        "alter role current_user set statement_timeout = 0",
        "alter role current_user in database {} set lock_timeout = 0",
        "alter role current_user reset role",
        "alter role current_user password 'another'",
    ] {
        let change = change.replace("{}", &database.database.name);
        assert_eq!(
            state(client.batch_execute(&format!("set role none; {change}")).await),
            "00000",
            "{change}"
        );
    }

    let stored = "select unnest(setconfig) from pg_db_role_setting where setrole = to_regrole($1)";
    let rows = database.admin.query(stored, &[&name]).await.expect("settings");
    let mut stored: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    stored.sort();
    assert_eq!(stored, ["lock_timeout=0", "statement_timeout=0", "temp_file_limit=100MB"]);
}

/// An administrator's limits hold: those in attributes of the role, and those in settings of superusers.
#[tokio::test]
async fn a_login_cannot_change_its_limits_or_its_attributes() {
    let database = TestDatabase::new().await;
    let name = login(&database).await;
    let session = database.session(&name, "begin; set local role none").await;

    for change in [
        "alter role {} connection limit 100",
        "alter role {} valid until 'infinity'",
        "alter role {} noinherit",
        "alter role {} nologin",
        "alter role {} bypassrls",
        "alter role {} set temp_file_limit = -1",
        "alter role {} reset temp_file_limit",
        "alter role {} set session_replication_role = replica",
        "alter role {} set lo_compat_privileges = on",
        "alter role {} set app.user_id = 'alice'",
        "set temp_file_limit = -1",
        "set deadlock_timeout = '1h'",
        "comment on role {} is 'x'",
    ] {
        let change = change.replace("{}", &name);
        assert_eq!(session.sends(&change).await, refused("42501"), "{change}");
    }
    let kept =
        "select rolconnlimit::text || ' ' || array_to_string(rolconfig, ' ') from pg_roles where rolname = ";
    // RESET ALL leaves settings of superusers.
    session.client.batch_execute("set role none; alter role current_user reset all").await.expect("a reset");
    assert_eq!(texts(&database.admin, &format!("{kept}'{name}'")).await, ["5 temp_file_limit=100MB"]);
}

#[tokio::test]
async fn a_login_can_watch_and_end_its_own_sessions_and_no_others() {
    let database = TestDatabase::new().await;
    let sibling = database.database.client("rowkeep_login").await;
    begin_as(&sibling, "alice").await;
    sibling.batch_execute("select 'a literal of alice' from app.tasks").await.expect("a statement");
    let [process_id] =
        texts(&sibling, "select pg_backend_pid()::text").await.try_into().expect("one process id");
    sibling.batch_execute("select 'a literal of alice'").await.expect("a statement");
    let bob = database.database.client("rowkeep_login").await;
    let seen = format!("select query from pg_stat_activity where pid = {process_id}");
    let end = format!("select pg_terminate_backend({process_id})");

    begin_as(&bob, "bob").await;
    assert_eq!(texts(&bob, &seen).await, ["<insufficient privilege>"]);
    assert_eq!(state(bob.batch_execute(&end).await), "42501");
    bob.batch_execute("rollback; set role none").await.expect("the login itself");
    assert_eq!(texts(&bob, &seen).await, ["select 'a literal of alice'"]);
    assert_eq!(state(bob.batch_execute(&end).await), "00000");
    let name = login(&database).await;
    let another = database.database.client(&name).await;
    let [process_id] =
        texts(&another, "select pg_backend_pid()::text").await.try_into().expect("one process id");
    let seen = format!("select query from pg_stat_activity where pid = {process_id}");
    assert_eq!(texts(&bob, &seen).await, ["<insufficient privilege>"]);
    assert_eq!(
        state(bob.batch_execute(&format!("select pg_terminate_backend({process_id})")).await),
        "42501"
    );
    let ended = async {
        while !sibling.is_closed() {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), ended).await.expect("the end of the session");
}

/// DELETE on the whole table allows every mode. Without it a login that may read and write columns can only lock out DDL.
#[tokio::test]
#[ignore = "needs PostgreSQL 16, 17 and 18: `make test-all`"]
async fn every_release_lets_a_login_that_may_delete_lock_the_table_in_every_mode() {
    let modes = [
        "access share",
        "row share",
        "row exclusive",
        "share update exclusive",
        "share",
        "share row exclusive",
        "exclusive",
        "access exclusive",
    ];
    for major in releases() {
        let cluster = OwnCluster::of_release(major).await;
        cluster.migrate().await;
        let admin = cluster.superuser("postgres").await;
        let address = cluster.address("rowkeep_login", "postgres");
        let login = rowkeep::session::connect_once(&address).await.expect("a connection");
        let locked = async || {
            let mut locked = Vec::new();
            for mode in modes {
                login.batch_execute("begin").await.expect("a transaction");
                if login.batch_execute(&format!("lock table app.tasks in {mode} mode")).await.is_ok() {
                    locked.push(mode);
                }
                login.batch_execute("rollback").await.expect("an end");
            }
            locked
        };

        assert_eq!(locked().await, modes, "PostgreSQL {major}");
        admin.batch_execute("revoke delete on app.tasks from rowkeep_api").await.expect("a column login");
        assert_eq!(locked().await, ["access share"], "PostgreSQL {major}");
    }
}
