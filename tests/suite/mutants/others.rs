//! What a login of requests can do to others without reading a row: the audit notes it, with the statement that takes it away.

use rowkeep::schema;

use super::mutant::{mutant, try_each};
use super::test_cluster::{Copy, TestCluster};
use crate::database::support::{begin_as, creates, state, texts};

/// The functions that PostgreSQL grants to everybody, as their notes name them.
const NOTED: [(&str, &str, &str); 3] = [
    (
        "NOTE grants public may take advisory locks",
        "select pg_advisory_lock(1)",
        "select pg_try_advisory_xact_lock_shared(1, 2)",
    ),
    ("NOTE grants public may write large objects", "select lo_create(0)", "select lo_from_bytea(0, 'x')"),
    (
        "NOTE grants public may write messages to the write-ahead log",
        "select pg_logical_emit_message(false, 'outbox', 'x')",
        "select pg_logical_emit_message(true, 'outbox', 'x'::bytea)",
    ),
];

/// The fixes of the notes whose text begins with one of these.
async fn fixes(copy: &Copy<'_>, notes: &[&str]) -> Vec<String> {
    let audit = copy.audit().await;
    let found = notes.iter().map(|note| {
        let fact = audit.facts.iter().find(|fact| fact.contains(note));
        let fix = fact.and_then(|fact| fact.fix.clone());
        fix.unwrap_or_else(|| panic!("{note}: {}", audit.text))
    });
    found.collect()
}

#[tokio::test]
#[ignore = "needs minutes, and clusters of its own: `make test-all`"]
async fn the_functions_that_the_audit_notes_can_be_taken_away_and_rowkeep_goes_on() {
    let test_cluster = TestCluster::own().await;
    let copy = test_cluster.copy("migrated").await;
    let login = rowkeep::session::connect_once(&copy.address("rowkeep_login")).await.expect("a connection");
    for (_, one, another) in NOTED {
        for call in [one, another] {
            assert_eq!(state(login.query(call, &[]).await), "00000", "{call}");
        }
    }
    let notes = NOTED.map(|(note, ..)| note);
    for fix in fixes(&copy, &notes).await {
        copy.admin.batch_execute(&fix).await.unwrap_or_else(|error| panic!("{fix}: {error:?}"));
    }

    let audit = copy.audit().await;

    for (note, one, another) in NOTED {
        assert!(!audit.facts.iter().any(|fact| fact.contains(note)), "{note}: {}", audit.text);
        for call in [one, another] {
            assert_eq!(state(login.query(call, &[]).await), "42501", "{call}");
        }
    }
    schema::migrate(&copy.address("postgres"), true).await.expect("a migration");
    schema::ready_to_serve(&copy.address("rowkeep_login")).await.expect("a database that is ready");
    creates(&login, "alice", "hers").await;
    begin_as(&login, "alice").await;
    assert_eq!(texts(&login, "delete from app.tasks returning title").await, ["hers"]);
    login.batch_execute("commit").await.expect("a commit");
    copy.discard().await;
}

/// A migrating login that is no superuser loses the functions as well. It needs none of them in a migrated database.
#[tokio::test]
#[ignore = "needs minutes, and clusters of its own: `make test-all`"]
async fn a_migrating_login_needs_none_of_the_noted_functions() {
    let test_cluster = TestCluster::own().await;
    let copy = test_cluster.copy("migrated").await;
    let make = "create role migrator login; grant rowkeep_owner, rowkeep_api to migrator;
                do $$ begin execute format('alter database %I owner to migrator', current_database()); end $$";
    copy.admin.batch_execute(make).await.expect("a login");
    for fix in fixes(&copy, &NOTED.map(|(note, ..)| note)).await {
        copy.admin.batch_execute(&fix).await.expect("the fix of a note");
    }

    let done = schema::migrate(&copy.address("migrator"), true).await.expect("a migration");

    assert!(done.policies, "{done:?}");
    copy.discard().await;
}

#[tokio::test]
#[ignore = "needs minutes, and clusters of its own: `make test-all`"]
async fn a_connection_limit_ends_its_note_and_the_login_cannot_raise_it() {
    let test_cluster = TestCluster::own().await;
    let copy = test_cluster.copy("migrated").await;
    let note = "NOTE login rowkeep_login has no connection limit";
    assert!(copy.audit().await.facts.iter().any(|fact| fact.contains(note)));
    copy.admin.batch_execute("alter role rowkeep_login connection limit 3").await.expect("a limit");

    let audit = copy.audit().await;

    assert!(!audit.facts.iter().any(|fact| fact.contains(note)), "{}", audit.text);
    let login = rowkeep::session::connect_once(&copy.address("rowkeep_login")).await.expect("a connection");
    let raised = "set role none; alter role rowkeep_login connection limit 1000";
    assert_eq!(state(login.batch_execute(raised).await), "42501");
    copy.discard().await;
}

#[tokio::test]
#[ignore = "needs minutes, and clusters of its own: `make test-all`"]
async fn a_granted_large_object_is_reported() {
    let mutants = vec![
        mutant(
            "select lo_create(4711); grant select on large object 4711 to rowkeep_api",
            &["FAIL grants select on large object 4711 to rowkeep_api: no policy of app applies to it"],
        ),
        mutant(
            "select lo_create(4712); grant update on large object 4712 to rowkeep_auditor",
            &["FAIL grants update on large object 4712 to rowkeep_auditor"],
        ),
        mutant(
            "select lo_create(4713); grant select, update on large object 4713 to public",
            &["NOTE grants select, update on large object 4713 to public"],
        ),
        mutant(
            "select lo_create(4714); grant select on large object 4714 to rowkeep_login",
            &["NOTE grants select on large object 4714 to rowkeep_login"],
        )
        .undone_by("select lo_unlink(4714)"),
        mutant(
            "grant execute on function pg_catalog.lo_create(oid) to rowkeep_api",
            &[
                "FAIL grants execute on routine pg_catalog.lo_create(oid) to rowkeep_api",
                "NOTE grants rowkeep_api may write large objects",
            ],
        ),
    ];
    try_each(TestCluster::shared().await, "migrated", mutants).await;
}
