//! The connections to the database, and why they are closed.

use std::collections::BTreeSet;

use rowkeep::session::Closed;
use serde_json::json;

use super::scrape::{Scrape, Watched};
use crate::operation::overload::eventually;

const CLOSED: &str = "rowkeep_pool_connections_closed_total";

pub fn connections(scrape: &Scrape, state: &str) -> f64 {
    scrape.value("rowkeep_pool_connections", &[("state", state)])
}

pub fn closed(scrape: &Scrape, reason: &str) -> f64 {
    scrape.value(CLOSED, &[("reason", reason)])
}

fn opened(scrape: &Scrape) -> f64 {
    scrape.value("rowkeep_pool_connections_opened_total", &[])
}

#[tokio::test]
async fn every_reason_and_state_is_there_from_the_start() {
    let watched = Watched::with(&[("DATABASE_POOL_SIZE", "4")]).await;

    let scrape = watched.scrape().await;

    let known: BTreeSet<_> = Closed::ALL.map(|reason| reason.word().to_owned()).into();
    assert_eq!(scrape.values_of(CLOSED, "reason"), known);
    assert_eq!(scrape.sum(CLOSED, &[]), 0.0);
    assert_eq!(["in_use", "lost"].map(|state| connections(&scrape, state)), [0.0, 0.0]);
    assert_eq!(scrape.value("rowkeep_pool_size", &[]), 3.0);
    let all_are_idle =
        |scrape: &Scrape| opened(scrape) >= 1.0 && connections(scrape, "idle") == opened(scrape);
    watched.eventually("what was opened at the start is idle", all_are_idle).await;
    assert_eq!(scrape.value("rowkeep_pool_connect_failures_total", &[]), 0.0);
}

#[tokio::test]
async fn a_connection_that_requests_use_is_in_use_and_those_without_a_turn_wait() {
    let watched = Watched::patient(&[("DATABASE_POOL_SIZE", "3")]).await;
    let alice = watched.world.user("alice");
    let task = alice.creates(json!({ "title": "one" })).await;
    let path = format!("/api/tasks/{}", task["id"]);
    let lock = watched.world.database.superuser().await;
    lock.batch_execute("begin; select from app.tasks for update").await.expect("locks");
    let waiting = |scrape: &Scrape| scrape.value("rowkeep_pool_waiting", &[]);

    // A user has half of the pool of three: one connection.
    let requests: Vec<_> = (0..4)
        .map(|_| {
            let (alice, path) = (alice.clone(), path.clone());
            tokio::spawn(async move { alice.put(&path, json!({ "title": "two" })).await.status() })
        })
        .collect();
    watched
        .eventually("one runs and three wait", |scrape| {
            (connections(scrape, "in_use"), waiting(scrape)) == (1.0, 3.0)
        })
        .await;
    lock.batch_execute("rollback").await.expect("no lock any more");

    for request in requests {
        assert_eq!(request.await.expect("an answer"), 200);
    }
    watched
        .eventually("nothing runs and nobody waits", |scrape| {
            (connections(scrape, "in_use"), waiting(scrape)) == (0.0, 0.0)
        })
        .await;
}

#[tokio::test]
async fn a_connection_that_postgres_ended_is_lost_and_its_successor_is_opened() {
    let watched = Watched::with(&[("DATABASE_POOL_MIN_IDLE", "1")]).await;
    let alice = watched.world.user("alice");
    assert_eq!(alice.get("/api/tasks").await.status(), 200);
    let before = watched.scrape().await;

    ends_every_backend(&watched).await;
    // The pool may hold two, and notices the end of a connection when a request takes it.
    eventually("it is noticed", async || {
        alice.get("/api/tasks").await;
        let scrape = watched.scrape().await;
        closed(&scrape, "lost") >= 1.0 && opened(&scrape) > opened(&before)
    })
    .await;

    assert_eq!(closed(&before, "lost"), 0.0);
    assert_eq!(alice.get("/api/tasks").await.status(), 200);
}

/// Replaces the connections of the server, of which there are so many.
async fn replaces_every_connection(watched: &Watched, number: i64) {
    let superuser = watched.world.database.superuser().await;
    let backends = format!(
        "select count(*) from pg_stat_activity
          where usename = 'rowkeep_login' and datname = '{}'",
        watched.world.database.name
    );
    let all_are_open = async || {
        let row = superuser.query_one(&backends, &[]).await.expect("a number");
        row.get::<_, i64>(0) == number && connections(&watched.scrape().await, "idle") == number as f64
    };
    eventually("all are open", all_are_open).await;
    ends_every_backend(watched).await;

    // The pool notices the end of a connection when a request takes it.
    eventually("all are open again", async || {
        watched.world.user("bob").get("/api/tasks").await;
        all_are_open().await
    })
    .await;
}

/// Ends the connections of the server, and uses the pool until it has noticed.
async fn ends_every_backend(watched: &Watched) {
    let superuser = watched.world.database.superuser().await;
    let ends = format!(
        "select pg_terminate_backend(pid, 5000) from pg_stat_activity
          where usename = 'rowkeep_login' and datname = '{}'",
        watched.world.database.name
    );
    superuser.batch_execute(&ends).await.expect("ended");
    watched.world.user("bob").get("/api/tasks").await;
}

#[tokio::test]
async fn a_connection_of_its_age_is_replaced_for_its_lifetime() {
    let watched = Watched::with(&[("DATABASE_MAX_LIFETIME", "1")]).await;
    let alice = watched.world.user("alice");
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;

    assert_eq!(alice.get("/api/tasks").await.status(), 200);

    watched.eventually("it is closed", |scrape| closed(scrape, "lifetime") >= 1.0).await;
    assert_eq!(watched.scrape().await.sum(CLOSED, &[("reason", "lost")]), 0.0);
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_connection_that_nothing_uses_is_closed_as_idle() {
    let watched = Watched::with(&[("DATABASE_POOL_MIN_IDLE", "0")]).await;
    assert_eq!(watched.world.user("alice").get("/api/tasks").await.status(), 200);

    watched.eventually("it is closed", |scrape| closed(scrape, "idle") >= 1.0).await;
}

/// A change on a server that became read only: that connection must not be used again, and neither must the others.
#[tokio::test]
async fn a_connection_to_a_server_that_became_read_only_fails_and_the_others_are_renewed() {
    let watched = Watched::with(&[("DATABASE_POOL_SIZE", "4"), ("DATABASE_POOL_MIN_IDLE", "3")]).await;
    let (alice, name) = (watched.world.user("alice"), &watched.world.database.name);
    let superuser = watched.world.database.superuser().await;
    let read_only = format!("alter database {name} set default_transaction_read_only = on");
    superuser.batch_execute(&read_only).await.expect("a setting");
    // Only sessions that begin now have the setting.
    replaces_every_connection(&watched, 3).await;
    let before = watched.scrape().await;

    let refused = alice.post("/api/tasks", json!({ "title": "two" })).await;

    assert_eq!(refused.status(), 503, "{refused:?}");
    let grown = |after: &Scrape, reason| closed(after, reason) - closed(&before, reason);
    eventually("the other two are replaced", async || {
        alice.get("/api/tasks").await;
        grown(&watched.scrape().await, "renewed") == 2.0
    })
    .await;
    assert_eq!(grown(&watched.scrape().await, "failed"), 1.0);
}
