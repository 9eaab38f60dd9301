//! The superuser, to whom no policy applies: every statement reaches the rows that its list names.

use super::changing::*;
use super::reading::*;
use super::{ALICES, TASKS, TestDatabase, assert_all_expected, changes, outcome, refused, sees};

/// So if another role reaches fewer rows, the policies and privileges are the reason.
#[tokio::test]
async fn every_statement_reaches_all_rows_of_its_list() {
    let database = TestDatabase::new().await;

    let superuser = database.session("postgres", "begin").await;

    assert_all_expected(vec![
        superuser.unexpected(READS, &sees(&TASKS)).await,
        superuser.unexpected(database.xml_reads().await, &sees(&TASKS)).await,
        superuser.unexpected(LOCKING_READS, &sees(&TASKS)).await,
        superuser.unexpected(READS_OF_ALICES, &sees(ALICES)).await,
        superuser.unexpected(CHANGES, &changes(&TASKS)).await,
        superuser.unexpected(CHANGES_THAT_READ, &changes(&TASKS)).await,
        superuser.unexpected(CHANGES_WITH_RETURNING, &outcome("00000", &TASKS, &TASKS)).await,
        superuser
            .unexpected(&database.newer_changes_with_returning().await, &outcome("00000", &TASKS, &TASKS))
            .await,
        superuser.unexpected(CHANGES_OF_ALICES, &changes(ALICES)).await,
        superuser.unexpected(BLIND_MERGES, &changes(&TASKS)).await,
    ]);
}

#[tokio::test]
async fn every_statement_that_must_fail_on_a_task_of_alice_fails() {
    let database = TestDatabase::new().await;
    let superuser = database.session("postgres", "begin").await;

    for sql in READS_THAT_FAIL_ON_ALICES {
        assert_ne!(superuser.sends(sql).await.state, "00000", "{sql}");
    }
}

/// Even a superuser cannot create a task without a user.
#[tokio::test]
async fn no_role_creates_a_task_without_a_user() {
    let database = TestDatabase::new().await;

    let superuser = database.session("postgres", "begin").await;

    // not_null_violation; the error contains the values that were not stored.
    for sql in CREATIONS {
        let came = superuser.sends(sql).await;
        assert_eq!((came.state.as_str(), came.changed.len()), ("23502", 0), "{sql}");
    }
    assert_all_expected(vec![
        superuser.unexpected(&["insert into app.tasks default values"], &refused("23502")).await,
    ]);
}
