//! Logins that do not belong to Rowkeep, from one without privileges to one that may read and write all data.

use super::changing::*;
use super::reading::*;
use super::{NONE, Outcome, TASKS, TestDatabase, assert_all_expected, changes, refused, sees};

/// The statements with which each login tries to become alice.
const BECOME_ALICE: &str = "begin; set local app.user_id = 'alice'";

/// Tests the statements that need SELECT, UPDATE, both, or INSERT.
async fn assert_outcomes(
    database: &TestDatabase,
    login: &str,
    selects: &Outcome,
    changed: &Outcome,
    both: &Outcome,
) {
    let session = database.session(login, BECOME_ALICE).await;

    assert_all_expected(vec![
        session.unexpected(READS, selects).await,
        session.unexpected(database.xml_reads().await, selects).await,
        session.unexpected(READS_OF_ALICES, selects).await,
        session.unexpected(READS_THAT_FAIL_ON_ALICES, selects).await,
        session.unexpected(CHANGES, changed).await,
        session.unexpected(LOCKING_READS, both).await,
        session.unexpected(CHANGES_THAT_READ, both).await,
        session.unexpected(CHANGES_WITH_RETURNING, both).await,
        session.unexpected(&database.newer_changes_with_returning().await, both).await,
        session.unexpected(CHANGES_OF_ALICES, both).await,
        session.unexpected(BLIND_MERGES, &refused("42501")).await,
        session.unexpected(CREATIONS, &refused("42501")).await,
        session.unexpected(STATISTICS_FOR_PUBLIC, &sees(NONE)).await,
        session
            .unexpected(&["select app.identify('alice')", "select app.current_user_id()"], &refused("42501"))
            .await,
        session.unexpected(&["set role rowkeep_api", "set role rowkeep_owner"], &refused("42501")).await,
    ]);
}

#[tokio::test]
async fn an_unrelated_login_reaches_nothing() {
    let database = TestDatabase::new().await;
    let login = database.login("unrelated", "").await;

    let no = refused("42501");
    assert_outcomes(&database, &login, &no, &no, &no).await;
}

/// BYPASSRLS bypasses policies, but not privileges.
#[tokio::test]
async fn an_unrelated_login_with_bypassrls_reaches_nothing() {
    let database = TestDatabase::new().await;
    let login = database.login("bypass", "alter role {} bypassrls").await;

    let no = refused("42501");
    assert_outcomes(&database, &login, &no, &no, &no).await;
}

/// It may read every table, but no policy shows it a row.
#[tokio::test]
async fn a_reader_of_all_data_sees_no_row() {
    let database = TestDatabase::new().await;
    let login = database.login("reader", "grant pg_read_all_data to {}").await;

    let no = refused("42501");
    assert_outcomes(&database, &login, &sees(NONE), &no, &no).await;
}

#[tokio::test]
async fn a_writer_of_all_data_changes_no_row() {
    let database = TestDatabase::new().await;
    let more = "grant pg_write_all_data to {}; grant usage on schema app to {}";
    let login = database.login("writer", more).await;

    let no = refused("42501");
    assert_outcomes(&database, &login, &no, &changes(NONE), &no).await;
}

#[tokio::test]
async fn a_reader_and_writer_of_all_data_reaches_no_row() {
    let database = TestDatabase::new().await;
    let login = database.login("both", "grant pg_read_all_data, pg_write_all_data to {}").await;

    let nothing = sees(NONE);
    assert_outcomes(&database, &login, &nothing, &nothing, &nothing).await;
}

/// A role that got a privilege by mistake has no policy that shows it a row.
#[tokio::test]
async fn an_unrelated_login_with_privileges_on_the_table_reaches_no_row() {
    let database = TestDatabase::new().await;
    let login =
        database.login("granted", "grant usage on schema app to {}; grant all on app.tasks to {}").await;

    let nothing = sees(NONE);
    assert_outcomes(&database, &login, &nothing, &nothing, &nothing).await;
}

/// No policy applies to the planner's statistics. A role that reads all data reads their values.
#[tokio::test]
async fn only_a_reader_of_all_data_can_read_the_statistics() {
    let database = TestDatabase::new().await;
    let unrelated = database.login("unrelated", "").await;
    let reader = database.login("reader", "grant pg_read_all_data to {}").await;

    assert_all_expected(vec![
        database.session(&unrelated, BECOME_ALICE).await.unexpected(STATISTICS, &refused("42501")).await,
        database.session(&reader, BECOME_ALICE).await.unexpected(STATISTICS, &sees(&TASKS)).await,
    ]);
}
