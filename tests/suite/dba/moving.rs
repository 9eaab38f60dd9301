//! The recipe that moves to another host, with two real clusters.

use std::time::Duration;

use serde_json::json;
use tokio::time::{sleep, timeout};

use super::recipe::Recipe;
use super::site::{Place, Site, assert_same};
use crate::database::support::texts;
use crate::world::{OwnCluster, Person, releases};

/// The blocks of the recipe, by what they do.
struct Move {
    copy_keys: String,
    publish: String,
    subscribe: String,
    subscribe_from_16_on: String,
    first_copy: String,
    is_complete: String,
    read_sequence: String,
    set_sequence: String,
    end_new: String,
    end_old: String,
}

impl Move {
    fn read() -> Self {
        let mut recipe = Recipe::of("Move to another host");
        let copy_keys = recipe.sh();
        let mut sql = || recipe.sql();
        Self {
            copy_keys,
            publish: sql(),
            subscribe: sql(),
            subscribe_from_16_on: sql(),
            first_copy: sql(),
            is_complete: sql(),
            read_sequence: sql(),
            set_sequence: sql(),
            end_new: sql(),
            end_old: sql(),
        }
    }
}

/// A cluster of this machine's release that can be read by logical replication.
async fn old_site() -> Site {
    let major = rowkeep::development::Programs::find(None).expect("PostgreSQL's programs").major;
    Site::on(OwnCluster::with(major, "wal_level = logical\n").await, "").await
}

/// Runs a query until its result contains `wanted`.
async fn waits(place: &Place<'_>, query: &str, wanted: &str) {
    let found = async {
        while !place.psql("postgres", &[], query).await.expect("a result").contains(wanted) {
            sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(Duration::from_secs(30), found).await.unwrap_or_else(|_| panic!("no {wanted:?}: {query}"));
}

#[tokio::test]
#[ignore = "needs clusters of PostgreSQL 16 to 18: `make test-all`"]
async fn all_tasks_move_to_another_host_while_requests_are_served() {
    for release in releases() {
        let (old_site, new_site) =
            (old_site().await, Site::on(OwnCluster::of_release(release).await, "").await);
        let (old, new) = (old_site.with_tasks().await, new_site.empty().await);
        let before = (old.audit().await, new.audit().await);
        let recipe = Move::read();
        let connection = old.url("mover");
        let variables = [("connection", connection.as_str())];
        let server = old.server().await;
        let alice = Person::new(server.address, "alice");

        let keys = [("OLD_ADMIN_URL", old.url("postgres")), ("NEW_ADMIN_URL", new.url("postgres"))];
        let keys = keys.each_ref().map(|(name, url)| (*name, url.as_str()));
        new.sh(&recipe.copy_keys, &keys).await;
        old.psql("postgres", &[], &recipe.publish).await.expect("a publication");
        let subscribe = if release < 16 { &recipe.subscribe } else { &recipe.subscribe_from_16_on };
        new.psql("postgres", &variables, subscribe).await.expect("a subscription");
        waits(&new, &recipe.first_copy, "| r").await;
        let during = (old.audit().await, new.audit().await);
        let sequence = "FAIL     RK-308 table       app.tasks_id_seq is behind the ids of app.tasks";
        let seen = new.rowkeep(&["audit"], "postgres").await.out;
        assert!(seen.contains(sequence), "{release}: {seen}");
        let task = alice.creates(json!({ "title": "while it is copied" })).await;
        alice.patch(&format!("/api/tasks/{}", task["id"]), json!({ "completed": true })).await;
        drop(server);
        waits(&old, &recipe.is_complete, " t").await;
        let last = old.psql("postgres", &[], &recipe.read_sequence).await.expect("a number");
        let last = last.lines().nth(2).expect("a row").trim().to_owned();
        new.psql("postgres", &[("last", &last)], &recipe.set_sequence).await.expect("a sequence");
        let seen = new.rowkeep(&["audit"], "postgres").await.out;
        assert!(!seen.contains(" is behind the ids "), "{release}: {seen}");
        new.psql("postgres", &[], &recipe.end_new).await.expect("no subscription");
        old.psql("postgres", &[], &recipe.end_old).await.expect("no publication");

        assert_eq!(new.stored().await, old.stored().await, "{release}");
        let key = "select encode(key, 'hex') from rowkeep.cursor_keys order by id";
        assert_eq!(texts(&new.superuser, key).await, texts(&old.superuser, key).await);
        for (audit, before, wanted) in [
            (&during.0, &before.0, &["publication move", "mover"][..]),
            (&during.1, &before.1, &["subscription move"]),
        ] {
            let found = audit.since(before).join("\n");
            assert!(wanted.iter().all(|wanted| found.contains(wanted)), "{release}: {found}");
            assert!(!found.contains("FAIL "), "{release}: {found}");
        }
        assert_same(&before.0, &old.audit().await);
        assert_same(&before.1, &new.audit().await);
        new.assert_sound().await;
    }
}

/// How many errors the subscription has met.
const ERRORS: &str = "select sync_error_count + apply_error_count > 0 from pg_stat_subscription_stats";

#[tokio::test]
#[ignore = "needs clusters of PostgreSQL 16 to 18: `make test-all`"]
async fn from_postgresql_16_on_a_subscription_that_writes_as_the_owner_of_the_table_stops() {
    for release in releases().into_iter().filter(|release| *release >= 16) {
        let (old_site, new_site) =
            (old_site().await, Site::on(OwnCluster::of_release(release).await, "").await);
        let (old, new) = (old_site.with_tasks().await, new_site.empty().await);
        let recipe = Move::read();
        let connection = old.url("mover");
        old.psql("postgres", &[], &recipe.publish).await.expect("a publication");

        let subscribed = new.psql("postgres", &[("connection", &connection)], &recipe.subscribe).await;

        subscribed.expect("a subscription");
        waits(&new, ERRORS, " t").await;
        assert_eq!(new.stored().await, [""; 0], "{release}");
        new.superuser.batch_execute("drop subscription move").await.expect("no subscription");
    }
}

#[tokio::test]
#[ignore = "needs clusters of their own: `make test-all`"]
async fn a_login_for_the_move_without_bypassrls_copies_no_row_and_meets_no_error() {
    let (old_site, new_site) = (old_site().await, Site::on(OwnCluster::start().await, "").await);
    let (old, new) = (old_site.with_tasks().await, new_site.empty().await);
    let recipe = Move::read();
    let connection = old.url("mover");
    let blind = recipe.publish.replace(" bypassrls", "");
    old.psql("postgres", &[], &blind).await.expect("a publication");

    new.psql("postgres", &[("connection", &connection)], &recipe.subscribe).await.expect("a subscription");

    waits(&new, &recipe.first_copy, "| r").await;
    assert_eq!(new.stored().await, [""; 0]);
    new.superuser.batch_execute("drop subscription move").await.expect("no subscription");
}
