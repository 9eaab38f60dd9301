//! What requests wait for: a turn, a connection, and Postgres.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;

use super::scrape::{Scrape, Watched};

const DATABASE: &str = "rowkeep_database_duration_seconds";

fn count(scrape: &Scrape, name: &str) -> f64 {
    scrape.value(&format!("{name}_count"), &[])
}

#[tokio::test]
async fn every_query_has_its_times_from_the_start() {
    let watched = Watched::with(&[]).await;
    let files = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/sql/tasks")).expect("a folder");
    let name = |entry: std::io::Result<std::fs::DirEntry>| {
        entry.expect("a file").path().file_stem().expect("a name").to_string_lossy().into_owned()
    };

    let scrape = watched.scrape().await;

    assert_eq!(
        scrape.values_of(&format!("{DATABASE}_count"), "query"),
        files.map(name).collect::<BTreeSet<_>>()
    );
    assert_eq!(scrape.sum(&format!("{DATABASE}_count"), &[]), 0.0);
}

#[tokio::test]
async fn each_transaction_is_measured_once_under_its_query_with_its_waits() {
    let watched = Watched::with(&[]).await;
    let alice = watched.world.user("alice");

    let task = alice.creates(json!({ "title": "one" })).await;
    alice.reads(&task["id"]).await;
    alice.get("/api/v1/tasks?count=true").await;
    alice.get("/api/v1/tasks?q=one").await;

    let scrape = watched.scrape().await;
    let of = |query: &str| scrape.value(&format!("{DATABASE}_count"), &[("query", query)]);
    // A page with the length of its list is one transaction: that of the count.
    assert_eq!(["create", "read", "list", "count", "search"].map(of), [1.0, 1.0, 0.0, 1.0, 1.0]);
    for name in ["rowkeep_turn_wait_seconds", "rowkeep_connection_wait_seconds"] {
        assert_eq!(count(&scrape, name), 4.0, "{name}");
    }
    assert_eq!(scrape.sum(&format!("{DATABASE}_count"), &[]), 4.0);
}

/// A lock makes the one connection that the user may use slow: one request waits in Postgres, and the other for its turn.
#[tokio::test]
async fn the_time_in_postgres_and_the_wait_for_a_turn_are_told_apart() {
    let watched = Watched::patient(&[("DATABASE_POOL_SIZE", "2")]).await;
    let alice = watched.world.user("alice");
    let task = alice.creates(json!({ "title": "one" })).await;
    let path = format!("/api/tasks/{}", task["id"]);
    let lock = watched.world.database.superuser().await;
    lock.batch_execute("begin; select from app.tasks for update").await.expect("locks");

    let change = alice.put(&path, json!({ "title": "two" }));
    let list = async {
        watched
            .eventually("the change runs", |scrape| {
                scrape.value("rowkeep_pool_connections", &[("state", "in_use")]) == 1.0
            })
            .await;
        alice.get("/api/tasks").await
    };
    let unlock = async {
        watched.eventually("the list waits", |scrape| scrape.value("rowkeep_pool_waiting", &[]) == 1.0).await;
        tokio::time::sleep(Duration::from_millis(600)).await;
        lock.batch_execute("rollback").await.expect("no lock any more");
    };
    let (change, list, ()) = tokio::join!(change, list, unlock);

    assert_eq!((change.status(), list.status()), (200, 200));
    let scrape = watched.scrape().await;
    let slow = |name: &str, labels: &[(&str, &str)]| {
        let bucket = |le: &str| scrape.value(&format!("{name}_bucket"), &[labels, &[("le", le)]].concat());
        bucket("+Inf") - bucket("0.5")
    };
    assert_eq!(slow(DATABASE, &[("query", "edit")]), 1.0);
    assert_eq!(slow(DATABASE, &[("query", "list")]), 0.0);
    assert_eq!(slow("rowkeep_turn_wait_seconds", &[]), 1.0);
    assert_eq!(slow("rowkeep_connection_wait_seconds", &[]), 0.0);
}
