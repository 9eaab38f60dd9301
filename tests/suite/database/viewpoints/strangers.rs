//! Logins that have no business here, from the one with nothing to the one that reads and writes everything.

use super::changing::*;
use super::ways::*;
use super::{NONE, Outcome, Stage, TASKS, as_expected, changes, refused, sees};

/// What each kind of stranger says before every statement, so that it might be taken for alice.
const SAYS: &str = "begin; set local app.user_id = 'alice'";

/// What comes of the ways that need the right to select, to update, to do both, and to insert.
async fn meets(stage: &Stage, login: &str, selects: &Outcome, changed: &Outcome, both: &Outcome) {
    let stranger = stage.seat(login, SAYS).await;

    as_expected(vec![
        stranger.surprises(READS, selects).await,
        stranger.surprises(stage.xml_reads().await, selects).await,
        stranger.surprises(READS_OF_ALICES, selects).await,
        stranger.surprises(READS_THAT_ALICES_FAIL, selects).await,
        stranger.surprises(CHANGES, changed).await,
        stranger.surprises(LOCKING_READS, both).await,
        stranger.surprises(CHANGES_AFTER_A_LOOK, both).await,
        stranger.surprises(CHANGES_SHOWN, both).await,
        stranger.surprises(&stage.newer_changes_shown().await, both).await,
        stranger.surprises(CHANGES_OF_ALICES, both).await,
        stranger.surprises(BLIND_MERGES, &refused("42501")).await,
        stranger.surprises(CREATIONS, &refused("42501")).await,
        stranger.surprises(STATISTICS_FOR_EVERYBODY, &sees(NONE)).await,
        stranger
            .surprises(&["select app.identify('alice')", "select app.current_user_id()"], &refused("42501"))
            .await,
        stranger.surprises(&["set role rowkeep_api", "set role rowkeep_owner"], &refused("42501")).await,
    ]);
}

#[tokio::test]
async fn a_stranger_reaches_nothing() {
    let stage = Stage::new().await;
    let login = stage.login("stranger", "").await;

    let no = refused("42501");
    meets(&stage, &login, &no, &no, &no).await;
}

/// BYPASSRLS passes by policies, not by privileges.
#[tokio::test]
async fn a_stranger_whom_no_policy_binds_reaches_nothing() {
    let stage = Stage::new().await;
    let login = stage.login("bypass", "alter role {} bypassrls").await;

    let no = refused("42501");
    meets(&stage, &login, &no, &no, &no).await;
}

/// Every table, and no policy that lets it: no row.
#[tokio::test]
async fn a_reader_of_all_data_sees_no_row() {
    let stage = Stage::new().await;
    let login = stage.login("reader", "grant pg_read_all_data to {}").await;

    let no = refused("42501");
    meets(&stage, &login, &sees(NONE), &no, &no).await;
}

#[tokio::test]
async fn a_writer_of_all_data_changes_no_row() {
    let stage = Stage::new().await;
    let more = "grant pg_write_all_data to {}; grant usage on schema app to {}";
    let login = stage.login("writer", more).await;

    let no = refused("42501");
    meets(&stage, &login, &no, &changes(NONE), &no).await;
}

#[tokio::test]
async fn a_reader_and_writer_of_all_data_reaches_no_row() {
    let stage = Stage::new().await;
    let login = stage.login("both", "grant pg_read_all_data, pg_write_all_data to {}").await;

    let nothing = sees(NONE);
    meets(&stage, &login, &nothing, &nothing, &nothing).await;
}

/// Whoever has been granted the table by mistake has no policy that lets them.
#[tokio::test]
async fn a_stranger_who_was_granted_the_table_reaches_no_row() {
    let stage = Stage::new().await;
    let login = stage.login("granted", "grant usage on schema app to {}; grant all on app.tasks to {}").await;

    let nothing = sees(NONE);
    meets(&stage, &login, &nothing, &nothing, &nothing).await;
}

/// PostgreSQL's own: no policy binds the planner's statistics. Who reads all data reads these, values and all.
#[tokio::test]
async fn the_statistics_are_kept_from_strangers_but_not_from_a_reader_of_all_data() {
    let stage = Stage::new().await;
    let stranger = stage.login("stranger", "").await;
    let reader = stage.login("reader", "grant pg_read_all_data to {}").await;

    as_expected(vec![
        stage.seat(&stranger, SAYS).await.surprises(STATISTICS, &refused("42501")).await,
        stage.seat(&reader, SAYS).await.surprises(STATISTICS, &sees(&TASKS)).await,
    ]);
}
