//! A replica that does not protect its tables is not read, whatever the primary does.

use serde_json::json;

use super::trio::{PATIENT, Trio, catches_up, pauses, resumes};
use crate::operation::health::next_health;

/// The policies of a standby are those of its primary a moment ago. Here the moment lasts.
#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_replica_that_lost_its_protection_is_left_out_until_it_has_it_again() {
    let trio = Trio::with(&[""], &[PATIENT]).await;
    let alice = trio.user("alice");
    alice.creates(json!({ "title": "one" })).await;
    catches_up(&trio.primary, &trio.replicas[0]).await;
    let primary = trio.primary.superuser("postgres").await;
    let change = async |sql: &str| primary.batch_execute(sql).await.expect("a change");

    change("alter table app.tasks disable row level security").await;
    catches_up(&trio.primary, &trio.replicas[0]).await;
    pauses(&trio.replicas[0]).await;
    change("alter table app.tasks enable row level security").await;
    let health = next_health(&trio.anonymous()).await;
    trio.leaves_out(1, "unprotected").await;

    assert_eq!(health.status(), 200, "the primary is protected: {health:?}");
    let on_replicas = trio.reads("replica").await;
    assert_eq!(alice.get("/api/tasks").await.ids().len(), 1);
    assert_eq!(trio.user("bob").get("/api/tasks").await.ids().len(), 0);
    assert_eq!(trio.reads("replica").await, on_replicas);

    resumes(&trio.replicas[0]).await;
    trio.uses(1).await;
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_replica_that_is_unprotected_at_the_start_is_not_read_at_all() {
    let (primary, replicas) = super::trio::clusters(&[""]).await;
    let superuser = primary.superuser("postgres").await;
    let change = async |sql: &str| superuser.batch_execute(sql).await.expect("a change");
    change("drop policy fence on app.tasks").await;
    catches_up(&primary, &replicas[0]).await;
    pauses(&replicas[0]).await;
    change(
        "create policy fence on app.tasks as restrictive for all to public
           using (user_id = app.current_user_id()) with check (user_id = app.current_user_id())",
    )
    .await;
    let urls = super::trio::url(&replicas[0]);

    let trio = Trio::of(primary, replicas, &urls, &[PATIENT]).await;

    trio.leaves_out(1, "unprotected").await;
    assert_eq!(trio.user("alice").get("/api/tasks").await.status(), 200);
    assert_eq!(trio.reads("replica").await, 0.0);
}
