//! Connections beyond the limit: what their clients are told, and what one address can keep from the others.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::net::TcpSocket;
use tokio::time::timeout;

use super::connections::{Limited, hold};
use super::raw_client::{RawClient, Reply, head, request};

const HEALTH: &str = "GET /health HTTP/1.1\r\nHost: x\r\n\r\n";

/// A request whose body does not come, so that its connection is busy.
fn half() -> String {
    head("POST", "/api/tasks", "alice") + "Content-Length: 40\r\n\r\n{"
}

/// The answer to a request from 127.0.0.`client`.
async fn reply_to(server: SocketAddr, client: u8, text: &str) -> Reply {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind(SocketAddr::from(([127, 0, 0, client], 0))).expect("an address of this machine");
    let stream = socket.connect(server).await.expect("a connection");
    RawClient::exchange(stream, text.to_owned()).await.expect("an answer")
}

/// Asserts that a connection beyond the limit gets an answer to questions about the server, and to no others.
async fn answers_about_the_server_only(server: SocketAddr) {
    for (text, status) in [
        (HEALTH, 200),
        ("GET /live HTTP/1.1\r\nHost: x\r\n\r\n", 200),
        ("GET /health/ HTTP/1.0\r\n\r\n", 200),
        ("GET /docs HTTP/1.1\r\nHost: x\r\n\r\n", 503),
        (&request("GET", "/api/tasks", "alice", ""), 503),
        (&request("POST", "/api/v1/tasks", "alice", r#"{"title":"one"}"#), 503),
    ] {
        let reply = reply_to(server, 1, text).await;

        assert_eq!(reply.status, status, "{text} {reply:?}");
        assert!(reply.head.contains("connection: close") && reply.head.contains("x-request-id"), "{reply:?}");
        assert_eq!(reply.head.contains("retry-after: 1"), status == 503, "{reply:?}");
        assert_eq!(reply.body.contains("Nothing was changed"), status == 503, "{reply:?}");
    }
}

#[tokio::test]
async fn health_and_live_are_answered_when_an_address_has_used_up_its_share() {
    let server = Limited::to(48, &[]).await; // 8 connections, 4 of them for one address
    let _held = hold(server.address, 4, &half()).await;

    answers_about_the_server_only(server.address).await;

    let other = reply_to(server.address, 2, &request("GET", "/api/tasks", "bob", "")).await;
    assert_eq!(other.status, 200, "{other:?}");
}

#[tokio::test]
async fn health_and_live_are_answered_when_every_connection_is_taken() {
    let server = Limited::to(48, &[("TRUSTED_PROXIES", "127.0.0.1")]).await;
    let _held = hold(server.address, 8, &half()).await;

    answers_about_the_server_only(server.address).await;

    let other = reply_to(server.address, 2, HEALTH).await;
    assert_eq!(other.status, 200, "{other:?}");
}

#[tokio::test]
async fn clients_that_are_silent_beyond_the_limit_keep_no_question_about_the_server_out() {
    let server = Limited::to(48, &[]).await;
    let _held = hold(server.address, 4, &half()).await;
    let _silent = join_all((0..100).map(|_| RawClient::open(server.address))).await;

    let (own, other) = tokio::join!(reply_to(server.address, 1, HEALTH), reply_to(server.address, 2, HEALTH));

    assert_eq!((own.status, other.status), (200, 200));
}

#[tokio::test]
async fn unfinished_heads_beyond_the_limit_keep_no_question_about_the_server_out() {
    let server = Limited::to(48, &[]).await;
    let _held = hold(server.address, 4, &half()).await;
    let heads = (0..100).map(|_| RawClient::sending(server.address, "GET /health HTTP/1.1\r\nHost:"));
    let _unfinished = join_all(heads).await;

    let (own, other) = tokio::join!(reply_to(server.address, 1, HEALTH), reply_to(server.address, 2, HEALTH));

    assert_eq!((own.status, other.status), (200, 200));
}

#[tokio::test]
async fn half_a_head_beyond_the_limit_is_answered_with_503() {
    let server = Limited::to(48, &[]).await;
    let _held = hold(server.address, 4, &half()).await;

    for text in ["", "GET /health HTTP/1.1\r\nHost:"] {
        let reply = timeout(Duration::from_secs(20), reply_to(server.address, 1, text)).await;
        let reply = reply.expect("an answer in time");

        assert_eq!(reply.status, 503, "{text:?} {reply:?}");
    }
}

/// Each connection is idle only for a moment between two requests, and is busy again before it is closed for being idle.
#[tokio::test]
#[cfg_attr(not(target_os = "linux"), ignore = "needs several loopback addresses")]
async fn small_requests_on_every_connection_of_an_address_keep_no_other_address_out() {
    let server = Limited::to(48, &[]).await;
    let greedy = join_all((0..12).map(async |_| {
        loop {
            let mut client = RawClient::open(server.address).await;
            let mut stays_open = true;
            while stays_open {
                client.sends("GET /live HTTP/1.1\r\nHost: x\r\n\r\n").await;
                stays_open = client.next_reply().await.is_some_and(|reply| !reply.head.contains("close"));
            }
        }
    }));
    let modest = async {
        let mut statuses = Vec::new();
        for client in [2, 3].repeat(20) {
            statuses.push(
                reply_to(server.address, client, &request("GET", "/api/tasks", "bob", "")).await.status,
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        statuses
    };

    let statuses = tokio::select! {
        _ = greedy => unreachable!(),
        statuses = modest => statuses,
    };

    assert_eq!(statuses, [200; 40]);
}

#[tokio::test]
#[cfg_attr(not(target_os = "linux"), ignore = "needs several loopback addresses")]
async fn two_addresses_that_take_all_they_can_leave_a_place_for_a_third() {
    let server = Limited::to(48, &[]).await;
    let _first = hold(server.address, 6, &half()).await;
    let mut second = Vec::new();
    for _ in 0..6 {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind(SocketAddr::from(([127, 0, 0, 2], 0))).expect("an address of this machine");
        let stream = socket.connect(server.address).await.expect("a connection");
        second.push(tokio::spawn(RawClient::exchange(stream, half())));
    }
    tokio::time::sleep(Duration::from_millis(200)).await; // until the server has read what they sent

    let third = reply_to(server.address, 3, &request("GET", "/api/tasks", "bob", "")).await;

    assert_eq!(third.status, 200, "{third:?}");
    second.iter().for_each(tokio::task::JoinHandle::abort);
}
