//! Reads right after writes, many at once, through two replicas of which one always lags.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::json;

use super::trio::Trio;

const USERS: usize = 12;
const LOAD: Duration = Duration::from_secs(4);

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn of_many_reads_right_after_writes_none_is_stale() {
    let lagging = "recovery_min_apply_delay = 80ms\n";
    let trio = Trio::with(&["", lagging], &[("DATABASE_POOL_SIZE", "8")]).await;
    let people: Vec<_> = (0..USERS).map(|number| trio.user(&format!("user {number}"))).collect();
    let until = Instant::now() + LOAD;

    let reads = join_all(people.iter().map(async |person| {
        let mut reads = 0;
        let task = person.creates(json!({ "title": "0" })).await;
        let path = format!("/api/v1/tasks/{}", task["id"]);
        let mut wanted = vec![task["id"].as_i64().expect("an id")];
        while Instant::now() < until {
            let title = reads.to_string();
            let written = person.put(&path, json!({ "title": title })).await;
            assert_eq!(written.status(), 200, "{written:?}");
            let read = person.get(&path).await.json();
            assert_eq!(read["title"], title, "a stale task");

            wanted.insert(0, person.creates(json!({ "title": title })).await["id"].as_i64().expect("an id"));
            assert_eq!(person.get("/api/tasks").await.ids(), wanted, "a stale list");
            if wanted.len() > 20 {
                let last = wanted.remove(1);
                let deleted = person.delete(&format!("/api/v1/tasks/{last}")).await;
                assert_eq!(deleted.status(), 204);
                let counted = person.get("/api/v1/tasks?count=true").await;
                assert_eq!(counted.header("x-total-count"), wanted.len().to_string(), "a stale count");
                assert_eq!(counted.ids(), wanted, "a stale page");
            }
            // What nobody has changed for a while is on every replica.
            tokio::time::sleep(Duration::from_millis(if reads % 4 == 0 { 60 } else { 0 })).await;
            assert_eq!(person.get("/api/tasks").await.ids(), wanted, "a stale list");
            reads += 4;
        }
        reads
    }))
    .await;

    let reads: usize = reads.iter().sum();
    let (on_replicas, behind) = (trio.reads("replica").await, trio.reads("behind").await);
    // The lagging replica needs longer than a read waits.
    assert!(
        reads > 50 && on_replicas > 20.0 && behind > 0.0,
        "{reads} reads, {on_replicas} on replicas, {behind} on the primary because a replica was behind"
    );
    assert_eq!(trio.reads("failed").await, 0.0);
}
