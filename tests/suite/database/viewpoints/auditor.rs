//! Auditors see all definitions and no row.

use super::super::support::texts;
use super::changing::*;
use super::reading::*;
use super::{NONE, TestDatabase, TestSession, assert_all_expected, refused, sees};

/// A superuser with the role of the auditor, and a login that is a member of it. Both set app.user_id to alice.
async fn auditors(database: &TestDatabase) -> [TestSession<'_>; 2] {
    let login = database.login("auditor", "grant rowkeep_auditor to {}").await;
    [
        database
            .session("postgres", "begin; set local role rowkeep_auditor; set local app.user_id = 'alice'")
            .await,
        database.session(&login, "begin; set local app.user_id = 'alice'").await,
    ]
}

#[tokio::test]
async fn the_auditor_sees_no_row() {
    let database = TestDatabase::new().await;

    for auditor in auditors(&database).await {
        assert_all_expected(vec![
            auditor.unexpected(READS, &refused("42501")).await,
            auditor.unexpected(database.xml_reads().await, &refused("42501")).await,
            auditor.unexpected(LOCKING_READS, &refused("42501")).await,
            auditor.unexpected(READS_OF_ALICES, &refused("42501")).await,
            auditor.unexpected(READS_THAT_FAIL_ON_ALICES, &refused("42501")).await,
            auditor.unexpected(STATISTICS, &refused("42501")).await,
            auditor.unexpected(STATISTICS_FOR_PUBLIC, &sees(NONE)).await,
        ]);
    }
}

#[tokio::test]
async fn the_auditor_changes_and_creates_no_row() {
    let database = TestDatabase::new().await;

    for auditor in auditors(&database).await {
        assert_all_expected(vec![
            auditor.unexpected(CHANGES, &refused("42501")).await,
            auditor.unexpected(CHANGES_THAT_READ, &refused("42501")).await,
            auditor.unexpected(CHANGES_WITH_RETURNING, &refused("42501")).await,
            auditor.unexpected(&database.newer_changes_with_returning().await, &refused("42501")).await,
            auditor.unexpected(CHANGES_OF_ALICES, &refused("42501")).await,
            auditor.unexpected(BLIND_MERGES, &refused("42501")).await,
            auditor.unexpected(CREATIONS, &refused("42501")).await,
            auditor.unexpected(FORGERIES, &refused("42501")).await,
        ]);
    }
}

#[tokio::test]
async fn the_auditor_can_take_no_other_role_and_change_no_history() {
    let database = TestDatabase::new().await;
    let [_, auditor] = auditors(&database).await;

    let refusals = [
        "select app.identify('alice')",
        "select app.current_user_id()",
        "set role rowkeep_api",
        "set role rowkeep_owner",
        "select last_value from app.tasks_id_seq",
        "select nextval('app.tasks_id_seq')",
        "insert into rowkeep.policies (digest) values ('x')",
        "update rowkeep.migrations set checksum = 'x'",
        "delete from rowkeep.policies",
        "truncate rowkeep.policies",
        "lock table app.tasks in access share mode",
        "lock table rowkeep.policies in access exclusive mode",
        "truncate app.tasks",
        "alter policy fence on app.tasks using (true)",
        "create table app.mine (id int)",
        "create table rowkeep.mine (id int)",
        "comment on table app.tasks is 'x'",
        "grant select on app.tasks to rowkeep_auditor with grant option; table app.tasks",
    ];

    assert_all_expected(vec![auditor.unexpected(&refusals, &refused("42501")).await]);
}

/// The auditor reads every definition exactly as a superuser does.
#[tokio::test]
async fn the_auditor_reads_every_definition_and_the_history() {
    let database = TestDatabase::new().await;
    let login = database.login("reader", "grant rowkeep_auditor to {}").await;
    let auditor = database.database.client(&login).await;
    let definitions = [
        "select pg_get_functiondef(oid) from pg_proc where pronamespace = 'app'::regnamespace order by 1",
        "select pg_get_constraintdef(oid) from pg_constraint where connamespace = 'app'::regnamespace order by 1",
        "select pg_get_triggerdef(oid) from pg_trigger where not tgisinternal order by 1",
        "select concat(conname, obj_description(oid, 'pg_constraint')) from pg_constraint
          where connamespace = 'app'::regnamespace order by 1",
        "select relacl::text from pg_class where relnamespace = 'app'::regnamespace and relacl is not null order by 1",
        "select p::text from pg_policies p order by 1",
        "select m::text from rowkeep.migrations m order by 1",
        "select p::text from rowkeep.policies p order by 1",
        "select v::text from app.schema_version() v",
    ];

    for definition in definitions {
        let read = texts(&auditor, definition).await;
        assert!(!read.is_empty(), "{definition}");
        assert_eq!(read, texts(&database.admin, definition).await, "{definition}");
    }
}
