//! An identified user sees and changes their own tasks, and finds no trace of other tasks.

use super::changing::*;
use super::reading::*;
use super::{ALICES, BOBS, NONE, TestDatabase, assert_all_expected, changes, outcome, refused, sees};

#[tokio::test]
async fn every_reading_statement_shows_alice_and_bob_their_own_tasks() {
    let database = TestDatabase::new().await;

    for (user, own) in [("alice", ALICES), ("bob", BOBS)] {
        let user = database.user(user).await;
        assert_all_expected(vec![
            user.unexpected(READS, &sees(own)).await,
            user.unexpected(database.xml_reads().await, &sees(own)).await,
            user.unexpected(LOCKING_READS, &sees(own)).await,
        ]);
    }
}

#[tokio::test]
async fn bob_sees_nothing_of_alices_tasks() {
    let database = TestDatabase::new().await;

    let bob = database.user("bob").await;

    assert_all_expected(vec![
        bob.unexpected(READS_OF_ALICES, &sees(NONE)).await,
        bob.unexpected(READS_THAT_FAIL_ON_ALICES, &sees(NONE)).await,
    ]);
}

#[tokio::test]
async fn every_changing_statement_changes_only_the_tasks_of_its_user() {
    let database = TestDatabase::new().await;

    for (user, own) in [("alice", ALICES), ("bob", BOBS)] {
        let user = database.user(user).await;
        assert_all_expected(vec![
            user.unexpected(CHANGES, &changes(own)).await,
            user.unexpected(CHANGES_THAT_READ, &changes(own)).await,
            user.unexpected(CHANGES_WITH_RETURNING, &outcome("00000", own, own)).await,
            user.unexpected(&database.newer_changes_with_returning().await, &outcome("00000", own, own))
                .await,
        ]);
    }
}

#[tokio::test]
async fn bob_changes_nothing_of_alices_tasks() {
    let database = TestDatabase::new().await;

    let bob = database.user("bob").await;

    assert_all_expected(vec![bob.unexpected(CHANGES_OF_ALICES, &changes(NONE)).await]);
}

#[tokio::test]
async fn bob_changes_nothing_by_a_merge_that_would_reach_others() {
    let database = TestDatabase::new().await;

    let bob = database.user("bob").await;

    assert_all_expected(vec![bob.unexpected(BLIND_MERGES, &refused("42501")).await]);
}

#[tokio::test]
async fn a_task_that_bob_creates_is_his() {
    let database = TestDatabase::new().await;

    let bob = database.user("bob").await;

    assert_all_expected(vec![bob.unexpected(CREATIONS, &changes(&["a new one of bob's"])).await]);
}

#[tokio::test]
async fn bob_can_write_no_user_no_id_and_no_time_stamp() {
    let database = TestDatabase::new().await;

    let bob = database.user("bob").await;

    assert_all_expected(vec![bob.unexpected(FORGERIES, &refused("42501")).await]);
}

#[tokio::test]
async fn bob_never_waits_for_a_row_of_another_user() {
    let database = TestDatabase::new().await;
    let bob = database.user("bob").await;
    let hold = "begin; select from app.tasks where user_id = 'alice' for update";
    database.admin.batch_execute(hold).await.expect("a lock");

    let find = "select title from app.tasks where id in (1, 2) for update nowait";

    // With NOWAIT a locked row causes 55P03.
    assert_all_expected(vec![bob.unexpected(&[find], &sees(NONE)).await]);
}

#[tokio::test]
async fn an_error_about_bobs_own_task_does_not_print_it() {
    let database = TestDatabase::new().await;
    let bob = database.user("bob").await;

    let broken = [
        "update app.tasks set description = repeat(title, 201)",
        "update app.tasks set title = repeat(title, 50)",
        "insert into app.tasks (title) select repeat(title, 50) from app.tasks",
    ];

    // check_violation
    assert_all_expected(vec![bob.unexpected(&broken, &refused("23514")).await]);
}
