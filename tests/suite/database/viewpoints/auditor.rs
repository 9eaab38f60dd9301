//! Who looks after the definitions: all of them, and no row.

use super::super::support::texts;
use super::changing::*;
use super::ways::*;
use super::{NONE, Seat, Stage, as_expected, refused, sees};

/// A superuser who has taken on the auditor's role, and a login that is a member of it; both say that they are alice.
async fn auditors(stage: &Stage) -> [Seat<'_>; 2] {
    let login = stage.login("auditor", "grant rowkeep_auditor to {}").await;
    [
        stage
            .seat("postgres", "begin; set local role rowkeep_auditor; set local app.user_id = 'alice'")
            .await,
        stage.seat(&login, "begin; set local app.user_id = 'alice'").await,
    ]
}

#[tokio::test]
async fn the_auditor_sees_no_row() {
    let stage = Stage::new().await;

    for auditor in auditors(&stage).await {
        as_expected(vec![
            auditor.surprises(READS, &refused("42501")).await,
            auditor.surprises(stage.xml_reads().await, &refused("42501")).await,
            auditor.surprises(LOCKING_READS, &refused("42501")).await,
            auditor.surprises(READS_OF_ALICES, &refused("42501")).await,
            auditor.surprises(READS_THAT_ALICES_FAIL, &refused("42501")).await,
            auditor.surprises(STATISTICS, &refused("42501")).await,
            auditor.surprises(STATISTICS_FOR_EVERYBODY, &sees(NONE)).await,
        ]);
    }
}

#[tokio::test]
async fn the_auditor_changes_and_creates_no_row() {
    let stage = Stage::new().await;

    for auditor in auditors(&stage).await {
        as_expected(vec![
            auditor.surprises(CHANGES, &refused("42501")).await,
            auditor.surprises(CHANGES_AFTER_A_LOOK, &refused("42501")).await,
            auditor.surprises(CHANGES_SHOWN, &refused("42501")).await,
            auditor.surprises(&stage.newer_changes_shown().await, &refused("42501")).await,
            auditor.surprises(CHANGES_OF_ALICES, &refused("42501")).await,
            auditor.surprises(BLIND_MERGES, &refused("42501")).await,
            auditor.surprises(CREATIONS, &refused("42501")).await,
            auditor.surprises(FORGERIES, &refused("42501")).await,
        ]);
    }
}

#[tokio::test]
async fn the_auditor_can_become_nobody_else_and_touch_no_history() {
    let stage = Stage::new().await;
    let [_, auditor] = auditors(&stage).await;

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

    as_expected(vec![auditor.surprises(&refusals, &refused("42501")).await]);
}

/// Every definition, to the letter as a superuser reads it.
#[tokio::test]
async fn the_auditor_reads_every_definition_and_the_history() {
    let stage = Stage::new().await;
    let login = stage.login("reader", "grant rowkeep_auditor to {}").await;
    let auditor = stage.database.client(&login).await;
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
        assert_eq!(read, texts(&stage.admin, definition).await, "{definition}");
    }
}
