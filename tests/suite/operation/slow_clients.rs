//! Slow clients, and clients that never finish: the server ends their connections.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;

use super::raw_client::{RawClient, head, request};
use crate::world::World;

async fn with_short_timeout() -> World {
    World::with(&[("REQUEST_TIMEOUT", "2"), ("KEEP_ALIVE_TIMEOUT", "2")]).await
}

#[tokio::test]
async fn a_connection_without_a_request_is_closed() {
    let world = with_short_timeout().await;

    let answer = RawClient::open(world.server.address).await.reads_to_the_end().await;

    assert!(!answer.contains("200"), "{answer}");
}

#[tokio::test]
async fn a_connection_with_half_a_head_is_closed() {
    let world = with_short_timeout().await;
    for text in ["G", "GET /health HTTP/1.1\r\n", "GET /health HTTP/1.1\r\nHost: x\r\nX-Half:"] {
        let answer = RawClient::sending(world.server.address, text).await.reads_to_the_end().await;
        assert!(!answer.contains("200 OK"), "{answer}");
    }
}

/// Gives alice tasks of a kilobyte each.
async fn add_long_tasks(world: &World, number: u32) {
    let sql = format!(
        "insert into app.tasks (user_id, title, description)
         select 'alice', 'long', repeat('d', 1000) from generate_series(1, {number})"
    );
    world.database.superuser().await.batch_execute(&sql).await.expect("tasks");
}

#[tokio::test]
async fn a_connection_whose_head_drips_is_closed() {
    let world = with_short_timeout().await;
    for text in ["", "GET /", "GET /health HTTP/1.1\r\nX-Slow: "] {
        RawClient::sending(world.server.address, text).await.drips_until_it_is_closed().await;
    }
}

#[tokio::test]
async fn half_a_body_is_answered_with_408_and_creates_nothing() {
    let world = with_short_timeout().await;
    let text = head("POST", "/api/tasks", "alice") + "Content-Length: 40\r\n\r\n{\"title\":";

    let mut client = RawClient::sending(world.server.address, text).await;

    let reply = client.reads().await;
    assert_eq!(reply.status, 408, "{reply:?}");
    assert!(reply.body.contains("detail"), "{reply:?}");
    client.reads_to_the_end().await;
    assert_eq!(world.user("alice").get("/api/tasks").await.json(), json!([]));
}

#[tokio::test]
async fn a_connection_whose_body_drips_is_closed() {
    let world = with_short_timeout().await;
    let chunked = head("POST", "/api/tasks", "alice") + "Transfer-Encoding: chunked\r\n\r\nffff\r\n";
    let announced = head("POST", "/api/tasks", "alice") + "Content-Length: 60000\r\n\r\n";
    // This contract ignores the body, but its connection must be closed as well.
    let ignored = head("PATCH", "/api/v1/tasks/7/toggle", "alice") + "Content-Length: 60000\r\n\r\n";
    let without_token = "POST /api/tasks HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n".to_owned();

    join_all([chunked, announced, ignored, without_token].map(async |text| {
        RawClient::sending(world.server.address, text).await.drips_until_it_is_closed().await;
    }))
    .await;
}

#[tokio::test]
async fn an_idle_connection_is_closed() {
    let world = with_short_timeout().await;

    let mut client =
        RawClient::sending(world.server.address, request("GET", "/api/tasks", "alice", "")).await;

    assert_eq!(client.reads().await.status, 200);
    assert_eq!(client.reads_to_the_end().await, "");
}

#[tokio::test]
async fn a_client_that_never_reads_its_answers_is_disconnected() {
    let world = with_short_timeout().await;
    let alice = world.user("alice");
    add_long_tasks(&world, 100).await;
    let one = request("GET", "/api/tasks", "alice", "");

    // 100 kB each: more than fits into all buffers between server and client.
    let client = RawClient::sending(world.server.address, one.repeat(200)).await;

    let port = client.address().port();
    world
        .server
        .logs(|event| event["message"] == "a connection ended with an error" && event["source.port"] == port)
        .await;
    assert_eq!(alice.get("/health").await.status(), 200);
}

#[tokio::test]
async fn a_client_that_reads_slowly_gets_everything() {
    let world = with_short_timeout().await;
    add_long_tasks(&world, 60).await;

    let one = request("GET", "/api/tasks", "alice", "");
    let mut client = RawClient::sending(world.server.address, one.repeat(10)).await;

    let mut bytes = 0;
    for _ in 0..10 {
        tokio::time::sleep(Duration::from_millis(200)).await;
        bytes += client.reads().await.body.len();
    }
    assert!(bytes > 10 * 60 * 1000, "{bytes}");
}

#[tokio::test]
async fn requests_are_answered_while_hundreds_of_connections_are_silent() {
    let world = World::with(&[("REQUEST_TIMEOUT", "60")]).await;
    let half = head("POST", "/api/tasks", "alice") + "Content-Length: 40\r\n\r\n{";
    let mut silent = Vec::new();
    for number in 0..300 {
        let text = ["", "GET /", half.as_str()][number % 3];
        silent.push(RawClient::sending(world.server.address, text).await);
    }

    let answers = join_all((0..8).map(|_| async { world.user("bob").get("/api/tasks").await })).await;

    assert!(answers.iter().all(|answer| answer.status() == 200));
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_connection_over_the_limit_gets_503_and_closed_connections_make_room() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    let raised = setrlimit(Resource::Nofile, limit).is_ok();
    let enough = raised && limit.current.is_none_or(|files| files >= 8192);
    assert!(enough, "this test opens 4096 connections: allow 8192 open files (`ulimit -n 8192`)");
    let world = World::with(&[("REQUEST_TIMEOUT", "600")]).await;
    let mut all = Vec::new();
    for _ in 0..4096 {
        all.push(RawClient::sending(world.server.address, "GET").await);
    }

    let reply = RawClient::open(world.server.address).await.reads().await;
    drop(all);

    assert!(reply.status == 503 && reply.head.contains("retry-after"), "{reply:?}");
    assert!(
        serde_json::from_str::<serde_json::Value>(&reply.body).is_ok_and(|body| body["detail"].is_string())
    );
    let mut served = false;
    for _ in 0..600 {
        let mut client =
            RawClient::sending(world.server.address, request("GET", "/api/tasks", "alice", "")).await;
        if client.next_reply().await.is_some_and(|reply| reply.status == 200) {
            served = true;
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(served, "no connection is accepted after the others were closed");
}
