//! Replicas that are killed, restarted, silent or promoted.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::json;

use super::trio::{FLUSHED, PATIENT, Trio, catches_up, clusters, clusters_with, url, user_of_replica};
use crate::operation::database_proxy::Proxy;
use crate::operation::overload::eventually;

/// Every user reads their list, and gets it.
async fn all_read(trio: &Trio, ids: &[String]) {
    let answers = join_all(ids.iter().map(|id| async move { trio.user(id).get("/api/tasks").await })).await;
    for answer in answers {
        assert_eq!((answer.status(), answer.ids().len()), (200, 1), "{answer:?}");
    }
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_replica_that_is_killed_costs_no_answer_and_comes_back_while_the_other_one_goes_on() {
    let mut trio = Trio::with(&["", ""], &[]).await;
    let ids = [1, 2].map(|number| user_of_replica(number, 2));
    for id in &ids {
        trio.user(id).creates(json!({ "title": "one" })).await;
    }
    all_read(&trio, &ids).await;

    trio.replicas[0].kill();
    for _ in 0..20 {
        all_read(&trio, &ids).await;
    }
    trio.leaves_out(1, "unreachable").await;
    let on_replicas = trio.reads("replica").await;
    for _ in 0..20 {
        all_read(&trio, &ids).await;
    }
    assert!(trio.reads("replica").await > on_replicas, "the other one goes on");

    trio.replicas[0].start_again(FLUSHED).await;
    trio.uses(1).await;
    all_read(&trio, &ids).await;
}

/// A network that loses packets: nothing is refused, and nothing answers.
#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_replica_that_falls_silent_keeps_a_few_requests_waiting_once_and_no_other() {
    let (primary, replicas) = clusters(&[""]).await;
    let proxy = Proxy::to(&replicas[0].socket_directory()).await;
    let urls = proxy.url_of(&url(&replicas[0]));
    let trio = Trio::of(primary, replicas, &urls, &[PATIENT, ("REQUEST_TIMEOUT", "3")]).await;
    trio.uses(1).await;
    let ids = ["alice".to_owned(), "bob".to_owned()];
    for id in &ids {
        trio.user(id).creates(json!({ "title": "one" })).await;
    }
    super::trio::catches_up(&trio.primary, &trio.replicas[0]).await;
    all_read(&trio, &ids).await;

    proxy.falls_silent();
    all_read(&trio, &ids).await;
    trio.leaves_out(1, "unreachable").await;
    let (started, waited) = (Instant::now(), trio.reads("failed").await);
    for _ in 0..50 {
        all_read(&trio, &ids).await;
    }
    // Each of these would have waited for a second.
    assert_eq!(trio.reads("failed").await, waited, "{:?}", started.elapsed());
    assert!(waited >= 1.0);

    proxy.speaks_again();
    trio.uses(1).await;
    all_read(&trio, &ids).await;
}

/// A copy of yesterday that somebody has made from the standby: its rows go their own way.
#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_standby_that_is_promoted_beside_its_primary_is_never_read_again() {
    let trio = Trio::with(&[""], &[PATIENT]).await;
    let alice = trio.user("alice");
    let id = alice.creates(json!({ "title": "one" })).await["id"].clone();
    super::trio::catches_up(&trio.primary, &trio.replicas[0]).await;
    alice.get("/api/tasks").await;

    trio.replicas[0].promote().await;
    let promoted = trio.replicas[0].superuser("postgres").await;
    eventually("it takes changes", async || {
        promoted.batch_execute("update app.tasks set title = 'of the copy'").await.is_ok()
    })
    .await;

    for _ in 0..20 {
        assert_eq!(alice.reads(&id).await["title"], "one");
        assert_eq!(trio.other_device("alice").reads(&id).await["title"], "one");
    }
    trio.leaves_out(1, "not_a_standby").await;
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!(trio.other_device("alice").reads(&id).await["title"], "one", "it stays out");
}

/// The replica follows a standby that somebody has promoted while the primary runs on. Its timeline is taken down only at its next
/// restartpoint, which is minutes later.
#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_replica_that_follows_a_promoted_standby_is_left_out() {
    // A standby of a standby is copied from pages that are whole.
    let (primary, standbys) = clusters_with(&format!("{FLUSHED}full_page_writes = on\n"), &[""]).await;
    let between = standbys.into_iter().next().expect("a standby");
    let replica = between.standby_with(FLUSHED).await;
    let replica_url = url(&replica);
    let trio = Trio::of(primary, vec![between, replica], &replica_url, &[]).await;
    trio.uses(1).await;
    let alice = trio.user("alice");
    let id = alice.creates(json!({ "title": "one" })).await["id"].clone();

    trio.replicas[0].promote().await;
    let promoted = trio.replicas[0].superuser("postgres").await;
    eventually("it takes changes", async || {
        let change = "update app.tasks set title = 'of the copy'; select pg_logical_emit_message(true, 'more', repeat('x', 1000000))";
        promoted.batch_execute(change).await.is_ok()
    })
    .await;
    catches_up(&trio.replicas[0], &trio.replicas[1]).await;
    eventually("it is noticed", async || {
        alice.get("/api/tasks").await;
        trio.other_device("alice").get("/api/tasks").await;
        let scrape = trio.admin.scrape().await;
        scrape.value("rowkeep_replica_left_out_total", &[("replica", "1"), ("reason", "other_timeline")])
            >= 1.0
    })
    .await;

    for _ in 0..30 {
        assert_eq!(alice.reads(&id).await["title"], "one");
        assert_eq!(trio.other_device("alice").reads(&id).await["title"], "one");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await; // looks come each second
    }
}
