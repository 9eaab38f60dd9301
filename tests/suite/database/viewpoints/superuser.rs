//! The superuser, whom nothing holds back: the statements reach what they say.

use super::changing::*;
use super::ways::*;
use super::{ALICES, Stage, TASKS, as_expected, changes, outcome, refused, sees};

/// Whatever is unseen or unchanged from another viewpoint is so because of what holds it back.
#[tokio::test]
async fn every_way_reaches_all_that_it_says() {
    let stage = Stage::new().await;

    let superuser = stage.seat("postgres", "begin").await;

    as_expected(vec![
        superuser.surprises(READS, &sees(&TASKS)).await,
        superuser.surprises(stage.xml_reads().await, &sees(&TASKS)).await,
        superuser.surprises(LOCKING_READS, &sees(&TASKS)).await,
        superuser.surprises(READS_OF_ALICES, &sees(ALICES)).await,
        superuser.surprises(CHANGES, &changes(&TASKS)).await,
        superuser.surprises(CHANGES_AFTER_A_LOOK, &changes(&TASKS)).await,
        superuser.surprises(CHANGES_SHOWN, &outcome("00000", &TASKS, &TASKS)).await,
        superuser.surprises(&stage.newer_changes_shown().await, &outcome("00000", &TASKS, &TASKS)).await,
        superuser.surprises(CHANGES_OF_ALICES, &changes(ALICES)).await,
        superuser.surprises(BLIND_MERGES, &changes(&TASKS)).await,
    ]);
}

#[tokio::test]
async fn every_way_that_a_task_of_alices_fails_fails() {
    let stage = Stage::new().await;
    let superuser = stage.seat("postgres", "begin").await;

    for sql in READS_THAT_ALICES_FAIL {
        assert_ne!(superuser.sends(sql).await.state, "00000", "{sql}");
    }
}

/// Not even by whom no policy binds.
#[tokio::test]
async fn a_task_without_a_user_is_created_by_nobody() {
    let stage = Stage::new().await;

    let superuser = stage.seat("postgres", "begin").await;

    // not_null_violation; the error prints what it does not store.
    for sql in CREATIONS {
        let came = superuser.sends(sql).await;
        assert_eq!((came.state.as_str(), came.changed.len()), ("23502", 0), "{sql}");
    }
    as_expected(vec![
        superuser.surprises(&["insert into app.tasks default values"], &refused("23502")).await,
    ]);
}
