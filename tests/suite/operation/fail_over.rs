//! After a fail-over the name of the database leads to another server, and old connections to a standby.

use futures_util::future::join_all;
use serde_json::json;

use super::health::next_health;
use super::overload::eventually;
use crate::world::{OwnCluster, Person, SECRET, Server, World};

/// A server that asks a standby must say so: it would show old tasks and refuse every change.
#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_server_on_a_standby_is_unhealthy_and_one_that_wants_a_standby_serves_reads() {
    let primary = OwnCluster::start().await;
    primary.migrate().await;
    let standby = primary.standby().await;
    let url = standby.url("rowkeep_login", "postgres");
    let settings = [("DATABASE_URL", url.as_str()), ("BETTER_AUTH_SECRET", SECRET)];

    let server = Server::start_listening(&settings).await.expect("a server");
    let anonymous = Person::with_token(server.address, None);
    let said = |event: &serde_json::Value| {
        event["error.message"].as_str().is_some_and(|cause| cause.contains("target_session_attrs=read-only"))
    };
    server.logs(said).await;

    let health = next_health(&anonymous).await;
    assert_eq!(health.status(), 503);
    assert_eq!(Person::new(server.address, "alice").get("/api/tasks").await.status(), 503);
    standby.promote().await;
    eventually("the new primary is used", async || next_health(&anonymous).await.status() == 200).await;
    Person::new(server.address, "alice").creates(json!({ "title": "one" })).await;
}

#[tokio::test]
async fn a_database_that_became_read_only_is_healthy_with_a_warning_and_its_connections_are_replaced() {
    let world = World::with(&[("DATABASE_POOL_SIZE", "4")]).await;
    let (alice, name) = (world.user("alice"), &world.database.name);
    alice.creates(json!({ "title": "one" })).await;
    let admin = world.database.superuser().await;
    // Old connections keep what they had; new ones are read only.
    let read_only = format!("alter database {name} set default_transaction_read_only = on");
    admin.batch_execute(&read_only).await.expect("a setting");
    admin
        .batch_execute(&format!(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity where usename = 'rowkeep_login' and datname = '{name}'"
        ))
        .await
        .expect("new connections");
    let users: Vec<_> = (0..8).map(|user| world.user(&format!("user {user}"))).collect();
    let all_read = async || {
        let answers = join_all(users.iter().map(|user| user.get("/api/tasks"))).await;
        answers.iter().all(|answer| answer.status() == 200)
    };
    eventually("reads on new connections", all_read).await;

    let health = next_health(&world.anonymous()).await;
    let read_write = format!("alter database {name} set default_transaction_read_only = off");
    admin.batch_execute(&read_write).await.expect("a setting");
    let refused = alice.post("/api/tasks", json!({ "title": "two" })).await;
    let written = join_all(users.iter().map(|user| user.post("/api/tasks", json!({ "title": "two" })))).await;

    assert_eq!(refused.status(), 503);
    assert!(refused.detail().contains("Nothing was changed"), "{refused:?}");
    assert_eq!((health.status(), health.json()["status"].clone()), (200, json!("healthy")));
    assert!(health.detail().contains("read only"), "{health:?}");
    assert!(written.iter().all(|answer| answer.status() == 201), "{written:?}");
}
