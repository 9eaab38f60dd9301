//! Clients that close the connection in the middle of a request, and a server that is killed.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::timeout;

use super::database_proxy::Proxy;
use super::raw_client::{RawClient, head, request};
use crate::world::{Database, SECRET, Server, World};

/// One database connection, which all users share.
const ONE_CONNECTION: [(&str, &str); 1] = [("DATABASE_POOL_SIZE", "2")];

/// The process ids of the server's sessions in PostgreSQL.
async fn sessions(world: &World) -> BTreeSet<i32> {
    let sql =
        "select pid from pg_stat_activity where datname = current_database() and application_name like 'rowkeep %'
                  and pid <> pg_backend_pid() and usename <> 'postgres'";
    let rows = world.database.superuser().await.query(sql, &[]).await.expect("rows");
    rows.iter().map(|row| row.get(0)).collect()
}

fn owners(list: &Value) -> BTreeSet<&str> {
    list.as_array().expect("a list").iter().map(|task| task["user_id"].as_str().expect("a user")).collect()
}

/// A server whose one database connection goes through a proxy.
async fn with_proxy() -> (World, Proxy) {
    let (database, proxy) = (Database::new().await, Proxy::start().await);
    let url = proxy.url(&database, "rowkeep_login");
    (World::on(database, &[("DATABASE_URL", &url), ("DATABASE_POOL_SIZE", "2")]).await, proxy)
}

/// Sends a request, and closes the connection after its transaction has begun and before PostgreSQL has answered. Then lets
/// PostgreSQL answer, and waits until the database connection is free again.
async fn hangs_up_in_the_middle(world: &World, proxy: &Proxy, text: String) {
    proxy.withhold_answers_until(usize::MAX);
    let client = RawClient::sending(world.server.address, text).await;
    let begun = async {
        while proxy.messages().is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(Duration::from_secs(60), begun).await.expect("the transaction begins");
    drop(client);
    tokio::time::sleep(Duration::from_millis(50)).await; // until the server has noticed
    proxy.withhold_answers_until(0);

    // Another user gets an answer when the one connection is free again.
    let answer = world.user("another user").get("/api/tasks").await;
    assert_eq!((answer.status(), answer.json()), (200, json!([])));
}

#[tokio::test]
async fn after_a_client_that_hung_up_the_next_user_sees_only_their_own_tasks() {
    let (world, proxy) = with_proxy().await;
    let (alice, bob) = (world.user("alice"), world.user("bob"));
    alice.creates(json!({ "title": "alice's" })).await;
    bob.creates(json!({ "title": "bob's" })).await;

    for (gone, stays) in [("alice", &bob), ("bob", &alice)].repeat(5) {
        for text in
            [request("GET", "/api/tasks", gone, ""), request("POST", "/api/tasks", gone, r#"{"title":"x"}"#)]
        {
            hangs_up_in_the_middle(&world, &proxy, text).await;

            let answer = stays.get("/api/tasks").await;

            assert_eq!(answer.status(), 200, "{answer:?}");
            assert_eq!(owners(&answer.json()), BTreeSet::from([stays.id.as_str()]));
        }
    }
}

#[tokio::test]
async fn clients_that_hang_up_during_a_transaction_cost_no_new_session() {
    let (world, proxy) = with_proxy().await;
    let alice = world.user("alice");
    let id = alice.creates(json!({ "title": "one" })).await["id"].to_string();
    let before = sessions(&world).await;

    for _ in 0..5 {
        for text in [
            request("GET", "/api/tasks", "alice", ""),
            request("PATCH", &format!("/api/v1/tasks/{id}/toggle"), "alice", ""),
            request("POST", "/api/tasks", "alice", r#"{"title":"another"}"#),
        ] {
            hangs_up_in_the_middle(&world, &proxy, text).await;
        }
    }

    assert_eq!(alice.get("/api/tasks").await.status(), 200);
    assert_eq!(before.len(), 1);
    assert_eq!(sessions(&world).await, before);
}

#[tokio::test]
async fn many_clients_that_hang_up_at_once_cost_no_new_session() {
    let world = World::with(&ONE_CONNECTION).await;
    let alice = world.user("alice");
    let before = sessions(&world).await;

    for _ in 0..30 {
        for text in [
            request("GET", "/api/tasks", "alice", ""),
            head("POST", "/api/tasks", "alice") + "Content-Length: 900\r\n\r\n{\"title\":",
            head("GET", "/api/tasks", "alice"),
        ] {
            drop(RawClient::sending(world.server.address, text).await);
        }
    }

    assert_eq!(alice.get("/api/tasks").await.status(), 200);
    assert_eq!(before.len(), 1);
    assert_eq!(sessions(&world).await, before);
}

#[tokio::test]
async fn many_health_requests_that_hang_up_cost_no_new_session() {
    let world = World::with(&ONE_CONNECTION).await;
    let before = sessions(&world).await;

    for _ in 0..100 {
        drop(RawClient::sending(world.server.address, "GET /health HTTP/1.1\r\nHost: x\r\n\r\n").await);
    }

    assert_eq!(world.anonymous().get("/health").await.status(), 200);
    assert_eq!(sessions(&world).await, before);
}

#[tokio::test]
async fn a_body_that_is_shorter_than_announced_creates_nothing() {
    let world = World::new().await;
    let alice = world.user("alice");
    // A complete task, in a body that is announced to be longer.
    let text = head("POST", "/api/tasks", "alice") + "Content-Length: 100\r\n\r\n{\"title\":\"half\"}";

    for _ in 0..20 {
        drop(RawClient::sending(world.server.address, text.as_str()).await);
    }

    assert_eq!(alice.get("/api/tasks").await.json(), json!([]));
}

#[tokio::test]
async fn a_task_whose_client_hung_up_is_complete_or_does_not_exist() {
    let world = World::new().await;
    let alice = world.user("alice");
    let description = "d".repeat(1000);
    let body = json!({ "title": "whole", "description": description }).to_string();
    let text = request("POST", "/api/tasks", "alice", &body);

    for cut in 0..40 {
        // From the complete request down to one without its last 700 bytes.
        let sent = &text[..text.len() - (cut % 8) * 100];
        drop(RawClient::sending(world.server.address, sent).await);
    }

    for task in alice.get("/api/tasks").await.json().as_array().expect("a list") {
        assert_eq!((&task["title"], &task["description"]), (&json!("whole"), &json!(description)));
    }
}

#[tokio::test]
async fn acknowledged_tasks_exist_after_the_server_was_killed() {
    let mut world = World::new().await;
    let alice = world.user("alice");
    let mut creating = Vec::new();
    for _ in 0..8 {
        let address = world.server.address;
        creating.push(tokio::spawn(async move {
            let mut acknowledged = Vec::new();
            for _ in 0..200 {
                let text = request("POST", "/api/tasks", "alice", r#"{"title":"kept"}"#);
                let Ok(stream) = tokio::net::TcpStream::connect(address).await else { break };
                let Some(reply) = RawClient::exchange(stream, text).await else { break };
                assert_eq!(reply.status, 201, "{reply:?}");
                let task: Value = serde_json::from_str(&reply.body).expect("a task");
                acknowledged.push(task["id"].as_i64().expect("an id"));
            }
            acknowledged
        }));
    }
    while alice.get("/api/tasks").await.ids().len() < 40 {}

    world.server.signal("KILL");
    world.server.ended().await;

    let url = world.database.url("rowkeep_login");
    let settings = [("DATABASE_URL", url.as_str()), ("BETTER_AUTH_SECRET", SECRET)];
    world.server = Server::start(&settings).await.expect("a server");
    let kept: BTreeSet<_> = world.user("alice").get("/api/tasks").await.ids().into_iter().collect();
    for acknowledged in creating {
        let acknowledged: BTreeSet<_> = acknowledged.await.expect("a client").into_iter().collect();
        assert!(acknowledged.is_subset(&kept), "{acknowledged:?} of {kept:?}");
    }
}
