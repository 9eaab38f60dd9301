//! What a client has seen it never misses afterwards, and nobody sees what is older than the bound.

use std::time::{Duration, Instant};

use http::Method;
use serde_json::json;

use super::trio::{PATIENT, Trio, pauses, resumes};
use crate::operation::health::next_health;
use crate::operation::overload::eventually;
use crate::world::send;

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_client_that_sends_its_position_back_reads_its_own_writes_from_a_server_whose_replica_stands_still()
{
    let trio = Trio::with(&[""], &[PATIENT]).await;
    let (alice, phone) = (trio.user("alice"), trio.other_device("alice"));
    let before = alice.creates(json!({ "title": "before" })).await;
    eventually("it is on the replica", async || phone.get("/api/tasks").await.ids().len() == 1).await;
    pauses(&trio.replicas[0]).await;

    let task = alice.creates(json!({ "title": "one" })).await;
    let (id, user_id) = (task["id"].as_i64().expect("an id"), before["id"].as_i64().expect("an id"));
    for path in ["/api/tasks", "/api/alice/tasks", "/api/v1/tasks"] {
        assert_eq!(alice.get(path).await.ids(), [id, user_id], "{path}");
        assert_eq!(alice.get(&format!("{path}/{id}")).await.status(), 200, "{path}");
    }
    alice.patch(&format!("/api/v1/tasks/{id}/toggle"), json!({})).await;
    assert_eq!(alice.reads(&task["id"]).await["completed"], true);
    assert_eq!(alice.get("/api/tasks?status=completed").await.ids(), [id]);
    alice.delete(&format!("/api/v1/tasks/{id}")).await;
    assert_eq!(alice.get(&format!("/api/tasks/{id}")).await.status(), 404);

    // A device that has seen nothing may see the old state: that is how we know that it reads from the replica.
    alice.creates(json!({ "title": "two" })).await;
    let fresh = trio.other_device("alice");
    let request = fresh.request(Method::GET, "/api/tasks", "");
    let mut unpositioned = request;
    unpositioned.headers_mut().insert("x-rowkeep-position", "primary".parse().expect("a value"));
    assert_eq!(send(trio.server.address, unpositioned).await.ids().len(), 2);

    resumes(&trio.replicas[0]).await;
    let on_replicas = trio.reads("replica").await;
    eventually("her reads go to the replica again", async || {
        assert_eq!(alice.get("/api/tasks").await.ids().len(), 2);
        trio.reads("replica").await > on_replicas
    })
    .await;
}

/// Shows that the reads of the other tests really come from the replica.
#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_client_without_a_position_sees_the_state_of_the_replica() {
    let trio = Trio::with(&[""], &[PATIENT]).await;
    let alice = trio.user("alice");
    pauses(&trio.replicas[0]).await;
    alice.creates(json!({ "title": "one" })).await;

    let seen = trio.other_device("alice").get("/api/tasks").await;

    assert_eq!((seen.status(), seen.ids().len()), (200, 0));
    assert_eq!(alice.get("/api/tasks").await.ids().len(), 1);
    assert_eq!((trio.reads("replica").await, trio.reads("behind").await), (1.0, 1.0));
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn nobody_sees_a_state_that_is_older_than_the_bound_and_a_replica_that_lags_comes_back() {
    const BOUND: Duration = Duration::from_millis(400);
    let trio = Trio::with(&[""], &[("DATABASE_REPLICA_MAX_LAG_MS", "400")]).await;
    let alice = trio.user("alice");
    alice.get("/api/tasks").await;
    pauses(&trio.replicas[0]).await;
    let id = alice.creates(json!({ "title": "one" })).await["id"].as_i64().expect("an id");
    let written = Instant::now();

    let mut late = 0;
    while written.elapsed() < 3 * BOUND {
        let asked = written.elapsed();
        // Each is a device of its own, which has seen nothing.
        let token = rowkeep::development::token::mint(&crate::world::token_rules(), "alice", 7200 + late);
        let device = crate::world::Person::with_token(trio.server.address, Some(&token.expect("a token")));
        let seen = device.get("/api/tasks").await;
        assert!(asked < BOUND || seen.ids() == [id], "{asked:?} after the change: {seen:?}");
        late += u64::from(asked > BOUND);
    }
    assert!(late > 0);
    trio.leaves_out(1, "behind").await;
    let health = next_health(&trio.anonymous()).await;
    assert!(health.status() == 200 && health.detail().contains("A read replica is left out"), "{health:?}");

    resumes(&trio.replicas[0]).await;
    trio.uses(1).await;
    assert_eq!(next_health(&trio.anonymous()).await.json(), json!({ "status": "healthy" }));
    let on_replicas = trio.reads("replica").await;
    for _ in 0..10 {
        assert_eq!(alice.get("/api/tasks").await.ids(), [id]);
    }
    assert!(trio.reads("replica").await > on_replicas);
}
