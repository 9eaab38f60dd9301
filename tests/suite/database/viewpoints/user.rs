//! A user who is identified, as the server lets them in: their own tasks, and no sign of anybody else's.

use super::changing::*;
use super::ways::*;
use super::{ALICES, BOBS, NONE, Stage, as_expected, changes, outcome, refused, sees};

#[tokio::test]
async fn alice_and_bob_each_see_their_own_tasks_by_every_way_of_reading() {
    let stage = Stage::new().await;

    for (user, own) in [("alice", ALICES), ("bob", BOBS)] {
        let user = stage.user(user).await;
        as_expected(vec![
            user.surprises(READS, &sees(own)).await,
            user.surprises(stage.xml_reads().await, &sees(own)).await,
            user.surprises(LOCKING_READS, &sees(own)).await,
        ]);
    }
}

#[tokio::test]
async fn bob_sees_nothing_where_he_asks_for_alices_tasks() {
    let stage = Stage::new().await;

    let bob = stage.user("bob").await;

    as_expected(vec![
        bob.surprises(READS_OF_ALICES, &sees(NONE)).await,
        bob.surprises(READS_THAT_ALICES_FAIL, &sees(NONE)).await,
    ]);
}

#[tokio::test]
async fn alice_and_bob_each_change_their_own_tasks_by_every_way_of_changing() {
    let stage = Stage::new().await;

    for (user, own) in [("alice", ALICES), ("bob", BOBS)] {
        let user = stage.user(user).await;
        as_expected(vec![
            user.surprises(CHANGES, &changes(own)).await,
            user.surprises(CHANGES_AFTER_A_LOOK, &changes(own)).await,
            user.surprises(CHANGES_SHOWN, &outcome("00000", own, own)).await,
            user.surprises(&stage.newer_changes_shown().await, &outcome("00000", own, own)).await,
        ]);
    }
}

#[tokio::test]
async fn bob_changes_nothing_where_he_asks_for_alices_tasks() {
    let stage = Stage::new().await;

    let bob = stage.user("bob").await;

    as_expected(vec![bob.surprises(CHANGES_OF_ALICES, &changes(NONE)).await]);
}

#[tokio::test]
async fn bob_changes_nothing_by_a_merge_that_would_reach_others() {
    let stage = Stage::new().await;

    let bob = stage.user("bob").await;

    as_expected(vec![bob.surprises(BLIND_MERGES, &refused("42501")).await]);
}

#[tokio::test]
async fn what_bob_creates_is_his() {
    let stage = Stage::new().await;

    let bob = stage.user("bob").await;

    as_expected(vec![bob.surprises(CREATIONS, &changes(&["a new one of bob's"])).await]);
}

#[tokio::test]
async fn bob_names_neither_a_user_nor_an_id_nor_a_time() {
    let stage = Stage::new().await;

    let bob = stage.user("bob").await;

    as_expected(vec![bob.surprises(FORGERIES, &refused("42501")).await]);
}

#[tokio::test]
async fn a_row_of_another_users_is_never_waited_for() {
    let stage = Stage::new().await;
    let bob = stage.user("bob").await;
    let hold = "begin; select from app.tasks where user_id = 'alice' for update";
    stage.admin.batch_execute(hold).await.expect("a lock");

    let find = "select title from app.tasks where id in (1, 2) for update nowait";

    // With NOWAIT a row that is found and locked is 55P03.
    as_expected(vec![bob.surprises(&[find], &sees(NONE)).await]);
}

#[tokio::test]
async fn an_error_about_bobs_own_task_does_not_print_it() {
    let stage = Stage::new().await;
    let bob = stage.user("bob").await;

    let broken = [
        "update app.tasks set description = repeat(title, 201)",
        "update app.tasks set title = repeat(title, 50)",
        "insert into app.tasks (title) select repeat(title, 50) from app.tasks",
    ];

    // check_violation
    as_expected(vec![bob.surprises(&broken, &refused("23514")).await]);
}
