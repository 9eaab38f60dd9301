//! Idle connections: how long they stay open, and what clients are told about it.

use std::time::{Duration, Instant};

use futures_util::future::join_all;

use super::raw_client::{RawClient, head, request};
use crate::world::World;

const LOOK: &str = "GET /health HTTP/1.1\r\nHost: x\r\n\r\n";

/// Parts of a head.
const HALVES: [&str; 4] = [
    "G",
    "GET /health HTTP/1.1\r\n",
    "\r\nGET /health HTTP/1.1\r\nHost: x\r\n",
    "GET /health HTTP/1.1\r\nHost: x\r\nX-Half:",
];

async fn pause(millis: u64) {
    tokio::time::sleep(Duration::from_millis(millis)).await;
}

#[tokio::test]
async fn a_connection_may_be_idle_for_longer_than_a_request_may_take() {
    let world = World::with(&[("REQUEST_TIMEOUT", "1")]).await;
    let post = request("POST", "/api/tasks", "alice", r#"{"title":"one"}"#);

    join_all([true, false].repeat(12).into_iter().map(async |has_sent_before| {
        let mut client = RawClient::open(world.server.address).await;
        if has_sent_before {
            client.sends(&post).await;
            assert_eq!(client.reads().await.status, 201);
        }

        pause(2500).await;
        client.sends(&post).await;

        assert_eq!(client.reads().await.status, 201, "{has_sent_before}");
    }))
    .await;
}

#[tokio::test]
async fn an_idle_connection_is_closed_after_its_own_limit() {
    let world = World::with(&[("REQUEST_TIMEOUT", "600"), ("KEEP_ALIVE_TIMEOUT", "1")]).await;
    let mut used = RawClient::sending(world.server.address, LOOK).await;
    let mut unused = RawClient::open(world.server.address).await;
    assert_eq!(used.reads().await.status, 200);

    let started = Instant::now();
    for client in [&mut used, &mut unused] {
        assert_eq!(client.reads_to_the_end().await, "");
    }

    assert!(started.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn a_request_in_the_last_moment_that_the_client_was_told_is_answered() {
    let world = World::with(&[("REQUEST_TIMEOUT", "1"), ("KEEP_ALIVE_TIMEOUT", "2")]).await;
    let mut client = RawClient::sending(world.server.address, LOOK).await;
    assert!(client.reads().await.head.contains("keep-alive: timeout=2"));

    pause(2200).await;
    client.sends(LOOK).await;

    assert_eq!(client.reads().await.status, 200);
}

#[tokio::test]
async fn the_time_for_a_head_starts_with_its_first_byte() {
    let world = World::with(&[("REQUEST_TIMEOUT", "4")]).await;

    join_all(["G", "\r\nG"].map(async |first| {
        let mut client = RawClient::sending(world.server.address, LOOK).await;
        client.reads().await;
        for text in [first, "ET /health HTTP/1.1\r\n", "Host: x\r\n\r\n"] {
            pause(1500).await;
            client.sends(text).await;
        }

        assert_eq!(client.reads().await.status, 200, "{first:?}");
    }))
    .await;
}

#[tokio::test]
async fn empty_lines_between_requests_do_not_start_the_time_for_a_head() {
    let world = World::with(&[("REQUEST_TIMEOUT", "1")]).await;
    let mut client = RawClient::sending(world.server.address, LOOK.to_owned() + "\r\n").await;
    assert_eq!(client.reads().await.status, 200);

    for text in ["\r\n", "\n", LOOK] {
        client.sends(text).await;
        pause(1500).await;
    }

    assert_eq!(client.reads().await.status, 200);
}

#[tokio::test]
async fn half_a_head_is_answered_with_408_on_new_and_on_kept_connections() {
    let world = World::with(&[("REQUEST_TIMEOUT", "1")]).await;

    join_all(["", LOOK].map(async |before| {
        for half in HALVES {
            let mut client = RawClient::open(world.server.address).await;
            if !before.is_empty() {
                client.sends(before).await;
                client.reads().await;
            }
            client.sends(half).await;

            let reply = client.reads().await;

            assert!(reply.status == 408 && reply.body.contains("detail"), "{reply:?}");
            assert!(reply.head.contains("connection: close"), "{reply:?}");
            assert_eq!(client.reads_to_the_end().await, "");
        }
    }))
    .await;
}

#[tokio::test]
async fn half_a_head_that_arrives_with_the_request_before_it_has_the_same_limit() {
    let world = World::with(&[("REQUEST_TIMEOUT", "1"), ("KEEP_ALIVE_TIMEOUT", "600")]).await;
    let refused = "POST /api/tasks HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n";
    let chunked = head("POST", "/api/tasks", "alice") + "Transfer-Encoding: chunked\r\n\r\n";
    let before = [
        ["", LOOK],
        ["", &request("GET", "/api/tasks", "alice", "")],
        ["", &request("POST", "/api/tasks", "alice", r#"{"title":"one"}"#)],
        ["", &(refused.to_owned() + "{}")],
        [refused, "{}"],
        [refused, "\n\n"],
        [&chunked, "f\r\n{\"title\":\"one\"}\r\n0\r\n\r\n"],
        [&LOOK.repeat(20), LOOK],
    ];

    join_all(before.iter().flat_map(|before| HALVES.map(|half| (before, half))).map(
        async |([first, second], half)| {
            let mut client = RawClient::sending(world.server.address, first).await;
            pause(50).await;
            client.sends(second.to_string() + half).await;

            let everything = client.reads_to_the_end().await;

            let answers = everything.matches("HTTP/1.1 ").count();
            let last = everything.rsplit("HTTP/1.1 ").next().expect("an answer");
            assert!(
                last.starts_with("408") && last.contains("connection: close"),
                "{first}{second}{everything}"
            );
            assert_eq!(answers, if first.starts_with("GET") { 22 } else { 2 }, "{everything}");
        },
    ))
    .await;
}

#[tokio::test]
async fn a_connection_stays_idle_whatever_the_end_of_its_last_request_was() {
    let world = World::with(&[("REQUEST_TIMEOUT", "1")]).await;
    let refused = "POST /api/tasks HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n";
    let chunked = head("POST", "/api/tasks", "alice") + "Transfer-Encoding: chunked\r\n\r\n";
    let before = [
        [LOOK, ""],
        [LOOK, "\r\n"],
        ["GET /health HTTP/1.1\r\nHost: x\r\n", "\r\n"],
        ["GET /health HTTP/1.1\r\nHost: x\r\n", "\r\n\r\n"],
        [&request("POST", "/api/tasks", "alice", r#"{"title":"one"}"#), ""],
        [&head("POST", "/api/tasks", "alice"), "Content-Length: 15\r\n\r\n{\"title\":\"one\"}"],
        [refused, "12345"],
        [&(refused.to_owned() + "123"), "45"],
        [&chunked, "f\r\n{\"title\":\"one\"}\r\n0\r\n\r\n"],
        [&(chunked.clone() + "f\r\n{\"title\":\"one\"}\r\n"), "0\r\n\r\n"],
    ];

    join_all(before.iter().map(async |[first, second]| {
        let mut client = RawClient::sending(world.server.address, first).await;
        pause(50).await;
        client.sends(second).await;
        assert!(client.reads().await.status < 500);

        pause(2500).await;
        client.sends(LOOK).await;

        assert_eq!(client.reads().await.status, 200, "{first}{second}");
    }))
    .await;
}

#[tokio::test]
async fn a_head_that_drips_on_a_kept_connection_ends_it() {
    let world = World::with(&[("REQUEST_TIMEOUT", "1")]).await;
    let mut client = RawClient::sending(world.server.address, LOOK).await;
    client.reads().await;

    client.drips_until_it_is_closed().await;
}

#[tokio::test]
async fn answers_name_the_limit_where_the_connection_goes_on_and_only_there() {
    let world = World::new().await;
    let open = "keep-alive: timeout=75\r\n";
    let closed = "connection: close\r\n";
    let with = |header: &str| format!("GET /health HTTP/1.1\r\nHost: x\r\n{header}\r\n");
    for (text, wanted, other) in [
        (with(""), open, closed),
        (with("Connection: keep-alive\r\n"), open, closed),
        (head("POST", "/api/tasks", "alice") + "Content-Length: 1\r\n\r\n{", open, closed),
        (with("Connection: close\r\n"), closed, open),
        (with("Connection: TE, Close\r\n"), closed, open),
        (with("Connection: TE\r\nConnection: close\r\n"), closed, open),
        (head("POST", "/nowhere", "alice") + "Content-Length: 70000\r\n\r\n", closed, open),
        (with("").replace("1.1", "1.0"), closed, open),
        (with("Connection: keep-alive\r\n").replace("1.1", "1.0"), open, closed),
    ] {
        let reply = RawClient::sending(world.server.address, &text).await.reads().await;

        assert!(reply.head.contains(wanted) && !reply.head.contains(other), "{text}{reply:?}");
    }
}
