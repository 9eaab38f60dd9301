//! Who may act as the owner: no rows, whoever they say they are, but every lock in reach.

use super::changing::*;
use super::ways::*;
use super::{ALICES, NONE, Seat, Stage, as_expected, changes, refused, sees};

/// A login that starts as `rowkeep_owner` and says that it is alice.
async fn owner(stage: &Stage) -> Seat<'_> {
    let more = "grant rowkeep_owner to {}; alter role {} set role = 'rowkeep_owner'";
    let login = stage.login("owner", more).await;
    stage.seat(&login, "begin; set local app.user_id = 'alice'").await
}

#[tokio::test]
async fn the_owner_sees_no_row() {
    let stage = Stage::new().await;

    let owner = owner(&stage).await;

    as_expected(vec![
        owner.surprises(READS, &sees(NONE)).await,
        owner.surprises(stage.xml_reads().await, &sees(NONE)).await,
        owner.surprises(LOCKING_READS, &sees(NONE)).await,
        owner.surprises(READS_OF_ALICES, &sees(NONE)).await,
        owner.surprises(READS_THAT_ALICES_FAIL, &sees(NONE)).await,
        owner.surprises(STATISTICS, &refused("42501")).await,
        owner.surprises(STATISTICS_FOR_EVERYBODY, &sees(NONE)).await,
    ]);
}

#[tokio::test]
async fn the_owner_changes_and_creates_no_row() {
    let stage = Stage::new().await;

    let owner = owner(&stage).await;

    as_expected(vec![
        owner.surprises(CHANGES, &changes(NONE)).await,
        owner.surprises(CHANGES_AFTER_A_LOOK, &changes(NONE)).await,
        owner.surprises(CHANGES_SHOWN, &changes(NONE)).await,
        owner.surprises(&stage.newer_changes_shown().await, &changes(NONE)).await,
        owner.surprises(CHANGES_OF_ALICES, &changes(NONE)).await,
        owner.surprises(BLIND_MERGES, &refused("42501")).await,
        owner.surprises(CREATIONS, &refused("42501")).await,
    ]);
}

/// Why nobody logs in as the owner, and nothing that serves may be a member of it.
#[tokio::test]
async fn the_owner_can_take_every_lock_off() {
    let stage = Stage::new().await;
    let owner = owner(&stage).await;

    let locks = [
        "alter table app.tasks disable row level security",
        "drop policy fence on app.tasks; create policy mine on app.tasks using (user_id = 'alice')",
        "alter policy fence on app.tasks using (true);
         alter policy owner_only on app.tasks to public using (user_id = 'alice')",
    ];
    let opened =
        locks.map(|lock| format!("{lock}; select title from app.tasks where user_id = 'alice'; rollback"));

    as_expected(vec![owner.surprises(&opened.each_ref().map(String::as_str), &sees(ALICES)).await]);
}

#[tokio::test]
async fn the_owner_can_do_nothing_to_the_rest_of_the_server() {
    let stage = Stage::new().await;

    let owner = owner(&stage).await;

    as_expected(vec![
        owner
            .surprises(
                &[
                    "create schema mine",
                    "create table public.mine (id int)",
                    "create role mine",
                    "alter role rowkeep_owner bypassrls",
                    "alter role rowkeep_login set app.user_id = 'alice'",
                    "grant pg_read_all_data to rowkeep_owner",
                    "set role postgres",
                    "set session authorization postgres",
                    "set session_replication_role = replica",
                    "select pg_read_file('/etc/passwd')",
                    "copy (select 1) to program 'true'",
                    "create publication mine for table app.tasks",
                    "create event trigger mine on ddl_command_end execute function app.tasks_touch()",
                    "create function app.mine(t text) returns boolean language sql leakproof return true",
                    "set row_security = off; table app.tasks",
                    "set row_security = off; delete from app.tasks",
                ],
                &refused("42501"),
            )
            .await,
    ]);
}
