//! Clients that take their time, or never come to an end: each is ended by the server.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;

use super::raw::{Raw, head, request};
use crate::world::World;

async fn impatient() -> World {
    World::with(&[("REQUEST_TIMEOUT", "2")]).await
}

#[tokio::test]
async fn a_connection_on_which_nothing_is_said_ends() {
    let world = impatient().await;

    let said = Raw::open(world.server.address).await.reads_to_the_end().await;

    assert!(!said.contains("200"), "{said}");
}

#[tokio::test]
async fn a_head_that_stops_half_way_ends() {
    let world = impatient().await;
    for text in ["G", "GET /health HTTP/1.1\r\n", "GET /health HTTP/1.1\r\nHost: x\r\nX-Half:"] {
        let said = Raw::with(world.server.address, text).await.reads_to_the_end().await;
        assert!(!said.contains("200 OK"), "{said}");
    }
}

/// Alice has tasks of a kilobyte each.
async fn has_long_tasks(world: &World, number: u32) {
    let sql = format!(
        "insert into app.tasks (user_id, title, description)
         select 'alice', 'long', repeat('d', 1000) from generate_series(1, {number})"
    );
    world.database.superuser().await.batch_execute(&sql).await.expect("tasks");
}

#[tokio::test]
async fn a_head_that_drips_ends() {
    let world = impatient().await;
    for text in ["", "GET /", "GET /health HTTP/1.1\r\nX-Slow: "] {
        Raw::with(world.server.address, text).await.drips_until_it_is_closed().await;
    }
}

#[tokio::test]
async fn a_body_that_stops_half_way_is_answered_and_creates_nothing() {
    let world = impatient().await;
    let text = head("POST", "/api/tasks", "alice") + "Content-Length: 40\r\n\r\n{\"title\":";

    let mut raw = Raw::with(world.server.address, text).await;

    let reply = raw.reads().await;
    assert_eq!(reply.status, 408, "{reply:?}");
    assert!(reply.body.contains("detail"), "{reply:?}");
    raw.reads_to_the_end().await;
    assert_eq!(world.user("alice").get("/api/tasks").await.json(), json!([]));
}

#[tokio::test]
async fn a_body_that_drips_ends() {
    let world = impatient().await;
    let chunked = head("POST", "/api/tasks", "alice") + "Transfer-Encoding: chunked\r\n\r\nffff\r\n";
    let announced = head("POST", "/api/tasks", "alice") + "Content-Length: 60000\r\n\r\n";
    // Nobody reads this body, and somebody has to end it.
    let ignored = head("PATCH", "/api/v1/tasks/7/toggle", "alice") + "Content-Length: 60000\r\n\r\n";
    let strange = "POST /api/tasks HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n".to_owned();

    join_all([chunked, announced, ignored, strange].map(async |text| {
        Raw::with(world.server.address, text).await.drips_until_it_is_closed().await;
    }))
    .await;
}

#[tokio::test]
async fn an_idle_connection_ends_after_its_answer() {
    let world = impatient().await;

    let mut raw = Raw::with(world.server.address, request("GET", "/api/tasks", "alice", "")).await;

    assert_eq!(raw.reads().await.status, 200);
    assert_eq!(raw.reads_to_the_end().await, "");
}

#[tokio::test]
async fn a_client_that_never_reads_its_answers_is_let_go() {
    let world = impatient().await;
    let alice = world.user("alice");
    has_long_tasks(&world, 100).await;
    let one = request("GET", "/api/tasks", "alice", "");

    // 100 kB each, more than all buffers between here and there have room for.
    let raw = Raw::with(world.server.address, one.repeat(200)).await;

    let peer = raw.address().to_string();
    world.server.logs(|event| event["message"] == "a connection broke off" && event["peer"] == *peer).await;
    assert_eq!(alice.get("/health").await.status(), 200);
}

#[tokio::test]
async fn a_client_that_reads_slowly_gets_everything() {
    let world = impatient().await;
    has_long_tasks(&world, 60).await;

    let one = request("GET", "/api/tasks", "alice", "");
    let mut raw = Raw::with(world.server.address, one.repeat(10)).await;

    let mut bytes = 0;
    for _ in 0..10 {
        tokio::time::sleep(Duration::from_millis(200)).await;
        bytes += raw.reads().await.body.len();
    }
    assert!(bytes > 10 * 60 * 1000, "{bytes}");
}

#[tokio::test]
async fn others_are_served_while_hundreds_of_connections_say_nothing() {
    let world = World::with(&[("REQUEST_TIMEOUT", "60")]).await;
    let half = head("POST", "/api/tasks", "alice") + "Content-Length: 40\r\n\r\n{";
    let mut silent = Vec::new();
    for number in 0..300 {
        let text = ["", "GET /", half.as_str()][number % 3];
        silent.push(Raw::with(world.server.address, text).await);
    }

    let answers = join_all((0..8).map(|_| async { world.user("bob").get("/api/tasks").await })).await;

    assert!(answers.iter().all(|answer| answer.status() == 200));
}

#[tokio::test]
async fn one_connection_more_than_there_may_be_reads_503_and_places_come_back() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    let raised = setrlimit(Resource::Nofile, limit).is_ok();
    let enough = raised && limit.current.is_none_or(|files| files >= 8192);
    assert!(enough, "this test opens 4096 connections: allow 8192 open files (`ulimit -n 8192`)");
    let world = World::with(&[("REQUEST_TIMEOUT", "600")]).await;
    let mut all = Vec::new();
    for _ in 0..4096 {
        all.push(Raw::with(world.server.address, "GET").await);
    }

    let reply = Raw::open(world.server.address).await.reads().await;
    drop(all);

    assert!(reply.status == 503 && reply.head.contains("retry-after"), "{reply:?}");
    assert!(
        serde_json::from_str::<serde_json::Value>(&reply.body).is_ok_and(|body| body["detail"].is_string())
    );
    let mut served = false;
    for _ in 0..600 {
        let mut raw = Raw::with(world.server.address, request("GET", "/api/tasks", "alice", "")).await;
        if raw.next_reply().await.is_some_and(|reply| reply.status == 200) {
            served = true;
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(served, "no place came back");
}
