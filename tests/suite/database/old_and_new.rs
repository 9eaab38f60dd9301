//! An older release must not undo a newer one. What the database has on record makes this program the older or the newer
//! of the two.

use super::catalogue::described;
use super::migrate::rowkeep;
use super::migration_lock::until;
use super::support::{Fixture, texts};
use crate::operation::database_proxy::Proxy;
use crate::world::{SECRET, Server};

/// The digest of policies that were in force before those of this release.
pub fn older_policies() -> String {
    let digests = include_str!("../../../policies/digests").lines().filter(|line| !line.starts_with('#'));
    digests.rev().nth(1).expect("a release before this one").to_owned()
}

/// A policy and a record, as a newer release would have left them.
const NEWER_POLICIES: &str = "
    create policy more on app.tasks as restrictive using (user_id <> 'nobody');
    insert into rowkeep.policies (digest) values ('of a release to come')";

const NEWER_MIGRATION: &str =
    "insert into rowkeep.migrations (version, name) values (1000, 'of_a_release_to_come')";

async fn fixture_after(change: &str) -> Fixture {
    let fixture = Fixture::new().await;
    fixture.admin.batch_execute(change).await.unwrap_or_else(|error| panic!("{change}: {error:?}"));
    fixture
}

async fn serve(fixture: &Fixture) -> Result<Server, String> {
    let url = fixture.database.url("rowkeep_login");
    Server::start(&[("DATABASE_URL", url.as_str()), ("BETTER_AUTH_SECRET", SECRET)]).await
}

#[tokio::test]
async fn an_old_server_serves_with_newer_policies_and_warns() {
    let fixture = fixture_after(NEWER_POLICIES).await;

    let server = serve(&fixture).await.expect("a server");

    let answer = crate::world::Person::new(server.address, "bob").get("/api/tasks").await;
    assert_eq!((answer.status(), answer.json().as_array().map(Vec::len)), (200, Some(2)));
    server.logs(|event| event["message"] == "the policies of the database are of a newer release").await;
}

#[tokio::test]
async fn an_old_server_does_not_serve_with_newer_policies_that_its_check_refuses() {
    let loosened = format!("{NEWER_POLICIES}; alter policy fence on app.tasks using (true)");
    let fixture = fixture_after(&loosened).await;

    let log = serve(&fixture).await.err().expect("no server");

    assert!(log.contains("app.tasks: no fence policy, or a fence with another condition"), "{log}");
}

#[tokio::test]
async fn an_old_migrate_does_not_go_back_and_changes_nothing() {
    for newer in [NEWER_POLICIES, NEWER_MIGRATION] {
        let fixture = fixture_after(newer).await;
        let before = described(&fixture.admin).await;

        for options in [&["migrate"][..], &["migrate", "--reapply-policies"]] {
            let done = rowkeep(options, &fixture.database.url("postgres")).await;

            let told = String::from_utf8_lossy(&done.stderr);
            assert_eq!(done.status.code(), Some(1), "{options:?}: {done:?}");
            assert!(told.contains("of a newer release than this program"), "{told}");
            assert!(told.contains("rowkeep migrate --allow-older-policies"), "{told}");
        }
        assert_eq!(described(&fixture.admin).await, before);
    }
}

/// Makes the migrations from that of the lock on pending again. The commit of that one will have the advisory lock 43 and wait
/// for 42.
const PAUSE: &str = "
    drop table rowkeep.lock;
    drop function app.accepted();
    drop table rowkeep.accepted;
    delete from rowkeep.migrations where version >= 8;
    create function public.pause() returns trigger language plpgsql set lock_timeout = 0 as $$
        begin
            perform pg_advisory_xact_lock(43);
            perform pg_advisory_xact_lock(42);
            return null;
        end $$;
    create constraint trigger pause after insert on rowkeep.migrations deferrable initially deferred
        for each row when (new.version = 8) execute function public.pause();
    select pg_advisory_lock(42)";

fn waits_for(advisory_lock: u32) -> String {
    format!(
        "select 'waits' from pg_locks where locktype = 'advisory' and objid = {advisory_lock} and not granted
            and database = (select oid from pg_database where datname = current_database())"
    )
}

/// The old one has made the table of the lock, and the newer one, which starts at that moment, locks its row first.
#[tokio::test]
async fn an_old_migrate_does_not_undo_what_a_newer_one_did_while_it_waited_for_the_lock() {
    let fixture = fixture_after(PAUSE).await;
    let (newer, proxy) = (fixture.database.superuser().await, Proxy::start().await);
    let url = proxy.url(&fixture.database, "postgres");
    let old = tokio::spawn(async move { rowkeep(&["migrate"], &url).await });
    until(&fixture.admin, &waits_for(42)).await;
    // The old one does not learn that its migration was committed before the newer one has the lock.
    proxy.withhold_answers_until(usize::MAX);
    let lock = "begin; select pg_advisory_xact_lock(43); select only_row from rowkeep.lock for update";
    let locking = tokio::spawn(async move { newer.batch_execute(lock).await.map(|()| newer) });
    until(&fixture.admin, &waits_for(43)).await;
    fixture.admin.batch_execute("select pg_advisory_unlock(42)").await.expect("an end of the pause");
    let newer = locking.await.expect("no panic").expect("the lock");
    proxy.withhold_answers_until(0);

    newer.batch_execute(&format!("{NEWER_POLICIES}; commit")).await.expect("newer policies");
    let done = old.await.expect("no panic");

    let told = String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(1), "{done:?}");
    assert!(told.contains("of a newer release than this program"), "{told}");
    let more = "select polname::text from pg_policy where polname = 'more'";
    assert_eq!(texts(&fixture.admin, more).await, ["more"]);
}

#[tokio::test]
async fn an_old_migrate_goes_back_to_its_policies_when_it_is_told_to() {
    let fixture = fixture_after("select 1").await;
    let wanted = described(&fixture.admin).await;
    let newer = format!("{NEWER_POLICIES}; {NEWER_MIGRATION}");
    fixture.admin.batch_execute(&newer).await.expect("a newer release");

    let done = rowkeep(&["migrate", "--allow-older-policies"], &fixture.database.url("postgres")).await;

    assert!(done.status.success(), "{done:?}");
    assert_eq!(String::from_utf8_lossy(&done.stdout), "applied the policies\n");
    assert_eq!(described(&fixture.admin).await, wanted);
    serve(&fixture).await.expect("a server");
}

#[tokio::test]
async fn a_new_server_refuses_older_policies_and_its_migrate_replaces_them() {
    let record = format!("insert into rowkeep.policies (digest) values ('{}')", older_policies());
    let fixture = fixture_after(&format!("create policy hole on app.tasks using (true); {record}")).await;

    let log = serve(&fixture).await.err().expect("no server");
    let done = rowkeep(&["migrate"], &fixture.database.url("postgres")).await;

    assert!(log.contains("are of an older release; run `rowkeep migrate`"), "{log}");
    assert_eq!(String::from_utf8_lossy(&done.stdout), "applied the policies\n", "{done:?}");
    let hole = "select polname::text from pg_policy where polname = 'hole'";
    assert_eq!(texts(&fixture.admin, hole).await, [""; 0]);
    serve(&fixture).await.expect("a server");
}

#[tokio::test]
async fn the_audit_of_an_old_release_notes_that_the_policies_are_newer() {
    let fixture =
        fixture_after("insert into rowkeep.policies (digest) values ('of a release to come')").await;

    let done = rowkeep(&["audit"], &fixture.database.url("postgres")).await;

    let report = String::from_utf8_lossy(&done.stdout);
    assert!(report.contains("NOTE     RK-901 drift       the policies are of a newer release"), "{report}");
}

/// A colleague's branch has migrated the database that is shared.
#[tokio::test]
async fn a_server_in_development_serves_with_a_newer_release_and_warns() {
    for (newer, warned) in [
        (NEWER_POLICIES, "the policies of the database are of a newer release"),
        (NEWER_MIGRATION, "the database is ahead of this release"),
    ] {
        let fixture = fixture_after(newer).await;
        let before = described(&fixture.admin).await;
        let url = fixture.database.url("postgres");
        let settings =
            [("DATABASE_URL", url.as_str()), ("BETTER_AUTH_SECRET", SECRET), ("ENVIRONMENT", "development")];

        let server = Server::start(&settings).await.expect("a server");

        let answer = crate::world::Person::new(server.address, "bob").get("/api/tasks").await;
        assert_eq!((answer.status(), answer.json().as_array().map(Vec::len)), (200, Some(2)));
        server.logs(|event| event["message"] == warned).await;
        assert_eq!(described(&fixture.admin).await, before);
    }
}
