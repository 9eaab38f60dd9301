//! The owner sees no rows, with any identity, but can remove every protection.

use super::changing::*;
use super::reading::*;
use super::{ALICES, NONE, TestDatabase, TestSession, assert_all_expected, changes, refused, sees};

/// A login that starts as `rowkeep_owner` and sets app.user_id to alice.
async fn owner(database: &TestDatabase) -> TestSession<'_> {
    let more = "grant rowkeep_owner to {}; alter role {} set role = 'rowkeep_owner'";
    let login = database.login("owner", more).await;
    database.session(&login, "begin; set local app.user_id = 'alice'").await
}

#[tokio::test]
async fn the_owner_sees_no_row() {
    let database = TestDatabase::new().await;

    let owner = owner(&database).await;

    assert_all_expected(vec![
        owner.unexpected(READS, &sees(NONE)).await,
        owner.unexpected(database.xml_reads().await, &sees(NONE)).await,
        owner.unexpected(LOCKING_READS, &sees(NONE)).await,
        owner.unexpected(READS_OF_ALICES, &sees(NONE)).await,
        owner.unexpected(READS_THAT_FAIL_ON_ALICES, &sees(NONE)).await,
        owner.unexpected(STATISTICS, &refused("42501")).await,
        owner.unexpected(STATISTICS_FOR_PUBLIC, &sees(NONE)).await,
    ]);
}

#[tokio::test]
async fn the_owner_changes_and_creates_no_row() {
    let database = TestDatabase::new().await;

    let owner = owner(&database).await;

    assert_all_expected(vec![
        owner.unexpected(CHANGES, &changes(NONE)).await,
        owner.unexpected(CHANGES_THAT_READ, &changes(NONE)).await,
        owner.unexpected(CHANGES_WITH_RETURNING, &changes(NONE)).await,
        owner.unexpected(&database.newer_changes_with_returning().await, &changes(NONE)).await,
        owner.unexpected(CHANGES_OF_ALICES, &changes(NONE)).await,
        owner.unexpected(BLIND_MERGES, &refused("42501")).await,
        owner.unexpected(CREATIONS, &refused("42501")).await,
    ]);
}

/// For this reason no login is the owner, and no login of requests may be a member of it.
#[tokio::test]
async fn the_owner_can_remove_every_protection() {
    let database = TestDatabase::new().await;
    let owner = owner(&database).await;

    let locks = [
        "alter table app.tasks disable row level security",
        "drop policy fence on app.tasks; create policy mine on app.tasks using (user_id = 'alice')",
        "alter policy fence on app.tasks using (true);
         alter policy owner_only on app.tasks to public using (user_id = 'alice')",
    ];
    let opened =
        locks.map(|lock| format!("{lock}; select title from app.tasks where user_id = 'alice'; rollback"));

    assert_all_expected(vec![owner.unexpected(&opened.each_ref().map(String::as_str), &sees(ALICES)).await]);
}

#[tokio::test]
async fn the_owner_has_no_power_over_the_rest_of_the_server() {
    let database = TestDatabase::new().await;

    let owner = owner(&database).await;

    assert_all_expected(vec![
        owner
            .unexpected(
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
