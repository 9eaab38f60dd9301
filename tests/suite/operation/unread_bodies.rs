//! Answers that do not need the body of their request: the connection goes on, or the answer says that it ends.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;

use super::raw_client::{RawClient, Reply, head, request};
use crate::world::World;

/// The size of a body that is too large for every route.
const LARGE: usize = 70_000;

/// Heads of requests whose answers do not need the body, each with its status.
pub fn heads() -> Vec<(u16, String)> {
    let anonymous = |method: &str, path: &str| format!("{method} {path} HTTP/1.1\r\nHost: rowkeep.test\r\n");
    let preflight = "Origin: http://localhost:3000\r\nAccess-Control-Request-Method: POST\r\n";
    vec![
        (200, anonymous("GET", "/health")),
        (200, head("GET", "/api/tasks", "alice")),
        (204, anonymous("OPTIONS", "/api/tasks") + preflight),
        (204, anonymous("OPTIONS", "/api/tasks")),
        (204, anonymous("OPTIONS", "*")),
        (400, "POST /api/tasks HTTP/1.1\r\nHost: a b\r\n".into()),
        (401, anonymous("POST", "/api/tasks")),
        (401, anonymous("PUT", "/api/v1/tasks/7")),
        (401, anonymous("DELETE", "/api/alice/tasks/7")),
        (403, head("POST", "/api/bob/tasks", "alice")),
        (404, head("POST", "/nowhere", "alice")),
        (404, head("PUT", "/api/tasks/abc", "alice")),
        (404, head("PATCH", "/api/v1/tasks/4711/toggle", "alice")),
        (404, head("DELETE", "/api/tasks/4711", "alice")),
        (405, head("POST", "/api/tasks/7", "alice")),
        (415, head("POST", "/api/tasks", "alice") + "Content-Type: text/plain\r\n"),
        (415, head("POST", "/api/tasks", "alice") + "Content-Encoding: gzip\r\n"),
    ]
}

/// The headers of a body, and the body.
pub fn announced(length: usize) -> (String, String) {
    (format!("Content-Length: {length}\r\n\r\n"), "x".repeat(length))
}

pub fn chunked(length: usize) -> (String, String) {
    let body = format!("{length:x}\r\n{}\r\n0\r\n\r\n", "x".repeat(length));
    ("Transfer-Encoding: chunked\r\n\r\n".into(), body)
}

pub fn says_close(reply: &Reply) -> bool {
    reply.head.contains("\r\nconnection: close\r\n")
}

/// The answer to a request, and after it the answer to a second request on the same connection.
async fn two_replies(world: &World, texts: [&str; 2], pause: u64) -> (Reply, Option<Reply>) {
    let mut client = RawClient::open(world.server.address).await;
    for text in texts {
        client.sends(text).await;
        tokio::time::sleep(Duration::from_millis(pause)).await;
    }
    let first = client.reads().await;
    client.sends(request("GET", "/api/tasks", "bob", "")).await;
    (first, client.next_reply().await)
}

#[tokio::test]
async fn a_small_body_that_comes_after_its_answer_does_not_cost_the_connection() {
    let world = World::shared().await;

    join_all(heads().into_iter().map(async |(status, head)| {
        for (lengths, body) in [announced(2), announced(60_000)] {
            let (first, second) = two_replies(&world, [&(head.clone() + &lengths), &body], 50).await;

            assert_eq!(first.status, status, "{head}{first:?}");
            assert!(!says_close(&first), "{head}{first:?}");
            assert_eq!(second.map(|reply| reply.status), Some(200), "{head}{}", body.len());
        }
    }))
    .await;
}

#[tokio::test]
async fn no_connection_ends_after_an_answer_without_having_said_so() {
    let world = World::shared().await;
    let expecting = |(lengths, body)| (format!("Expect: 100-continue\r\n{lengths}"), body);
    let bodies = [
        announced(0),
        announced(2),
        announced(65_536),
        announced(65_537),
        announced(LARGE),
        chunked(2),
        chunked(LARGE),
        expecting(announced(2)),
        expecting(announced(LARGE)),
        expecting(chunked(2)),
    ];

    join_all(heads().into_iter().map(async |(status, head)| {
        for (lengths, body) in &bodies {
            for pause in [0, 30] {
                let text = head.clone() + lengths;
                let (first, second) = two_replies(&world, [&text, body], pause).await;

                assert_eq!(first.status, status, "{text}{first:?}");
                let second = second.map(|reply| reply.status);
                let wanted = if says_close(&first) { None } else { Some(200) };
                assert_eq!(second, wanted, "{text} with {} bytes: {first:?}", body.len());
            }
        }
    }))
    .await;
}

#[tokio::test]
async fn an_answer_that_does_not_need_the_body_comes_before_the_body() {
    let world = World::with(&[("REQUEST_TIMEOUT", "600")]).await;

    join_all(heads().into_iter().map(async |(status, head)| {
        for (lengths, _) in [announced(2), announced(LARGE), chunked(2)] {
            let reply = RawClient::sending(world.server.address, head.clone() + &lengths).await.reads().await;

            assert_eq!(reply.status, status, "{head}{lengths}{reply:?}");
        }
    }))
    .await;
}

#[tokio::test]
async fn a_head_request_with_a_body_does_not_cost_the_connection() {
    let world = World::shared().await;
    let (lengths, body) = announced(2);
    let mut client = RawClient::open(world.server.address).await;
    client.sends(head("HEAD", "/api/tasks", "alice") + &lengths).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    client.sends(body + &request("GET", "/nowhere", "alice", "")).await;

    client.shuts_down_after(Duration::from_millis(500)).await;
    let everything = client.reads_to_the_end().await;

    assert!(everything.starts_with("HTTP/1.1 200"), "{everything}");
    assert_eq!(everything.matches("HTTP/1.1 404").count(), 1, "{everything}");
}

#[tokio::test]
async fn requests_behind_a_body_that_nobody_needs_are_answered() {
    let world = World::shared().await;
    let refused = "POST /api/tasks HTTP/1.1\r\nHost: x\r\nContent-Length: 15\r\n\r\n{\"title\":\"one\"}";
    let text = refused.repeat(2) + &request("POST", "/api/tasks", "alice", r#"{"title":"two"}"#);

    let mut client = RawClient::sending(world.server.address, text).await;

    for status in [401, 401, 201] {
        assert_eq!(client.reads().await.status, status);
    }
    assert_eq!(world.user("alice").get("/api/tasks").await.json()[0]["title"], "two");
}

#[tokio::test]
async fn a_body_that_nobody_needs_is_not_taken_for_a_request() {
    let world = World::shared().await;
    let inner = request("POST", "/api/tasks", "alice", r#"{"title":"smuggled"}"#);
    for lengths in [format!("Content-Length: {}", inner.len()), "Transfer-Encoding: chunked".into()] {
        let text = format!("POST /api/tasks HTTP/1.1\r\nHost: x\r\n{lengths}\r\n\r\n");
        let mut client = RawClient::sending(world.server.address, text).await;
        assert_eq!(client.reads().await.status, 401);

        client.sends(format!("{inner}{}", request("GET", "/health", "alice", ""))).await;

        let next = client.next_reply().await;
        assert!(next.is_none_or(|reply| reply.body.contains("healthy")), "{lengths}");
    }
    assert_eq!(world.user("alice").get("/api/tasks").await.json(), json!([]));
}

#[tokio::test]
async fn a_small_body_has_as_long_as_an_idle_connection() {
    let world = World::with(&[("REQUEST_TIMEOUT", "1")]).await;

    join_all(heads().into_iter().flat_map(|head| [(head.clone(), true), (head, false)]).map(
        async |((status, head), drips)| {
            let mut client = RawClient::sending(world.server.address, head.clone() + &announced(4).0).await;
            let first = client.reads().await;
            assert!(first.status == status && first.head.contains("keep-alive: timeout=75"), "{first:?}");

            for _ in 0..4 {
                tokio::time::sleep(Duration::from_millis(700)).await;
                client.sends(if drips { "x" } else { "" }).await;
            }
            client.sends(if drips { "" } else { "xxxx" }).await;
            client.sends(request("GET", "/api/tasks", "bob", "")).await;

            assert_eq!(client.reads().await.status, 200, "{head}");
        },
    ))
    .await;
}

#[tokio::test]
async fn a_client_whose_small_body_does_not_come_is_told_that_its_connection_ends() {
    let world = World::with(&[("REQUEST_TIMEOUT", "600"), ("KEEP_ALIVE_TIMEOUT", "1")]).await;

    join_all(heads().into_iter().flat_map(|head| [(head.clone(), ""), (head, "x")]).map(
        async |((status, head), part)| {
            let text = head + &announced(2).0 + part;
            let mut client = RawClient::sending(world.server.address, &text).await;
            assert_eq!(client.reads().await.status, status);

            let last = client.reads().await;

            assert!(last.status == 408 && says_close(&last), "{text}{last:?}");
            assert_eq!(client.reads_to_the_end().await, "");
        },
    ))
    .await;
}

#[tokio::test]
async fn a_408_says_that_its_connection_ends() {
    let world = World::with(&[("REQUEST_TIMEOUT", "1")]).await;
    for lengths in ["Content-Length: 40\r\n\r\n{", "Transfer-Encoding: chunked\r\n\r\n5\r\n{"] {
        let text = head("POST", "/api/tasks", "alice") + lengths;

        let reply = RawClient::sending(world.server.address, text).await.reads().await;

        assert!(reply.status == 408 && says_close(&reply), "{reply:?}");
    }
}

#[tokio::test]
async fn an_answer_to_a_body_that_is_broken_says_that_its_connection_ends() {
    let world = World::shared().await;
    for head in [head("POST", "/api/tasks", "alice"), head("POST", "/nowhere", "alice")] {
        for chunks in ["zz\r\n", "1\r\nxx\r\n0\r\n\r\n", "fffffffffffffffff\r\n", "1;\n\nx\r\n0\r\n\r\n"] {
            let text = format!("{head}Transfer-Encoding: chunked\r\n\r\n{chunks}");

            let reply = RawClient::sending(world.server.address, &text).await.reads().await;

            assert!([400, 404].contains(&reply.status) && says_close(&reply), "{text}{reply:?}");
        }
    }
}

#[tokio::test]
async fn a_413_in_the_middle_of_a_body_says_that_its_connection_ends() {
    let world = World::shared().await;
    let (lengths, body) = chunked(LARGE);
    for expectation in ["", "Expect: 100-continue\r\n"] {
        let text = head("POST", "/api/tasks", "alice") + expectation + &lengths + &body;
        let mut client = RawClient::sending(world.server.address, text).await;

        let mut reply = client.reads().await;
        if reply.status == 100 {
            reply = client.reads().await;
        }

        assert!(reply.status == 413 && says_close(&reply), "{reply:?}");
    }
}

#[tokio::test]
async fn a_client_of_http_1_0_that_keeps_its_connection_is_told_when_it_ends() {
    let world = World::shared().await;
    let old = |method: &str, path: &str, lengths: &str| {
        head(method, path, "alice").replace("HTTP/1.1", "HTTP/1.0")
            + &format!("Connection: keep-alive\r\n{lengths}\r\n")
    };
    for (text, stays) in [
        (old("GET", "/api/tasks", ""), true),
        (old("POST", "/nowhere", "Content-Length: 2\r\n"), true),
        (old("POST", "/nowhere", "Content-Length: 70000\r\n"), false),
    ] {
        let mut client = RawClient::sending(world.server.address, &text).await;

        let reply = client.reads().await;

        assert_eq!(reply.head.contains("connection: keep-alive"), stays, "{text}{reply:?}");
        assert_eq!(says_close(&reply), !stays, "{text}{reply:?}");
        client.sends("{}".to_owned() + &request("GET", "/health", "alice", "")).await;
        assert_eq!(client.next_reply().await.is_some(), stays, "{text}");
    }
}

#[tokio::test]
async fn a_list_without_a_length_does_not_promise_a_client_of_http_1_0_its_connection() {
    let world = World::shared().await;
    let sql = "insert into app.tasks (user_id, title) select 'alice', 'one' from generate_series(1, 300)";
    world.database.superuser().await.batch_execute(sql).await.expect("tasks");
    let text = head("GET", "/api/tasks", "alice").replace("HTTP/1.1", "HTTP/1.0");

    let everything = RawClient::sending(world.server.address, text + "Connection: keep-alive\r\n\r\n")
        .await
        .reads_to_the_end()
        .await;

    let lower = everything.to_lowercase();
    assert!(lower.contains("connection: close") && !lower.contains("keep-alive"), "{lower:.300}");
    assert_eq!(everything.matches("\"id\"").count(), 300);
}
