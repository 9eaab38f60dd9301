//! Requests that no browser sends: HTTP framing, limits, and bytes that are no HTTP.

use std::time::Duration;

use serde_json::json;

use super::raw_client::{RawClient, head, request};
use crate::world::World;

#[tokio::test]
async fn a_head_over_the_limit_is_refused_and_the_server_goes_on() {
    let world = World::shared().await;
    let long = "x".repeat(300_000);
    let many = (0..30_000).map(|number| format!("X-{number}: y\r\n")).collect::<String>();
    for text in [
        format!("GET /health HTTP/1.1\r\nHost: x\r\nX-Long: {long}\r\n\r\n"),
        format!("GET /{long} HTTP/1.1\r\nHost: x\r\n\r\n"),
        format!("GET /health HTTP/1.1\r\nHost: x\r\n{many}\r\n"),
    ] {
        let mut client = RawClient::open(world.server.address).await;
        client.sends(text).await;

        let answer = client.reads_to_the_end().await;

        let status = answer.split(' ').nth(1).unwrap_or_default();
        assert!(["400", "414", "431"].contains(&status), "{answer:?}");
    }
    assert_eq!(world.anonymous().get("/health").await.status(), 200);
}

#[tokio::test]
async fn bytes_that_are_no_http_are_refused_and_the_server_goes_on() {
    let world = World::shared().await;
    let tls = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".repeat(20);
    let postgres = b"\x00\x00\x00\x08\x04\xd2\x16\x2f".to_vec();
    let h2 = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    let text = b"hello\r\n\r\n".to_vec();
    let nul = b"GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n".to_vec();
    let noise: Vec<u8> =
        (0..20_000u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    for bytes in [tls, postgres, h2, text, nul, noise] {
        let mut client = RawClient::open(world.server.address).await;
        client.sends(&bytes).await;
        client.sends("\r\n\r\n").await;

        let answer = client.reads_to_the_end().await;

        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer:?}");
    }
    assert_eq!(world.anonymous().get("/health").await.status(), 200);
}

#[tokio::test]
async fn ambiguous_lengths_are_refused_and_no_request_is_smuggled_in() {
    let world = World::shared().await;
    let inner = request("POST", "/api/tasks", "alice", r#"{"title":"smuggled"}"#);
    let outer = head("POST", "/api/tasks", "bob");
    for lengths in [
        "Content-Length: 0\r\nContent-Length: 5\r\n",
        "Content-Length: +5\r\n",
        "Content-Length: 5, 6\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        "Transfer-Encoding: gzip\r\n",
    ] {
        let mut client = RawClient::open(world.server.address).await;
        client.sends(format!("{outer}{lengths}\r\n{inner}")).await;

        let answer = client.reads_to_the_end().await;

        assert!(answer.starts_with("HTTP/1.1 4"), "{lengths}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{lengths}: {answer}");
    }
    assert_eq!(world.user("alice").get("/api/tasks").await.json(), json!([]));
}

#[tokio::test]
async fn transfer_codings_other_than_chunked_are_refused_whether_the_body_is_needed_or_not() {
    let world = World::shared().await;
    let inner = request("POST", "/api/tasks", "alice", r#"{"title":"smuggled"}"#);
    let body = "f\r\n{\"title\":\"one\"}\r\n0\r\n\r\n";
    let heads = [
        head("POST", "/api/tasks", "alice"),
        head("PATCH", "/api/v1/tasks/7/toggle", "alice"),
        head("GET", "/api/tasks", "alice"),
        "POST /api/tasks HTTP/1.1\r\nHost: x\r\n".into(),
        "GET /health HTTP/1.1\r\nHost: x\r\n".into(),
        "OPTIONS * HTTP/1.1\r\nHost: x\r\n".into(),
        "POST /nowhere HTTP/1.1\r\nHost: x\r\n".into(),
    ];
    let codings = [
        "gzip, chunked",
        "chunked, chunked",
        "gzip\r\nTransfer-Encoding: chunked",
        "chunked\r\nTransfer-Encoding: chunked",
        "identity, chunked",
        ", chunked",
        "\r\nTransfer-Encoding: chunked",
        "xchunked",
        "chunked, gzip",
        "chunked;q=1",
    ];

    for head in &heads {
        for coding in codings {
            let text = format!("{head}Transfer-Encoding: {coding}\r\n\r\n{body}{inner}");
            let answer = RawClient::sending(world.server.address, &text).await.reads_to_the_end().await;

            assert!(answer.starts_with("HTTP/1.1 400"), "{text}{answer}");
            assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{text}{answer}");
        }
    }
    assert_eq!(world.user("alice").get("/api/tasks").await.json(), json!([]));
    for coding in ["chunked", "Chunked", "\tchunked "] {
        let text = format!("{}Transfer-Encoding: {coding}\r\n\r\n{body}", heads[0]);
        assert_eq!(
            RawClient::sending(world.server.address, text).await.reads().await.status,
            201,
            "{coding}"
        );
    }
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_their_order() {
    let world = World::shared().await;
    let mut ids = Vec::new();
    for title in ["one", "two", "three"] {
        ids.push(world.user("alice").creates(json!({ "title": title })).await["id"].to_string());
    }
    let text: String =
        ids.iter().map(|id| request("GET", &format!("/api/tasks/{id}"), "alice", "")).collect();

    let mut client = RawClient::sending(world.server.address, text).await;

    for title in ["one", "two", "three"] {
        let reply = client.reads().await;
        assert!(reply.status == 200 && reply.body.contains(title), "{reply:?}");
    }
}

#[tokio::test]
async fn users_who_share_a_client_connection_each_see_their_own_tasks() {
    let world = World::shared().await;
    world.user("alice").creates(json!({ "title": "alice's" })).await;
    world.user("bob").creates(json!({ "title": "bob's" })).await;
    let mut client = RawClient::open(world.server.address).await;

    for user in ["alice", "bob", "alice", "bob"] {
        client.sends(request("GET", "/api/tasks", user, "")).await;
        let reply = client.reads().await;

        assert_eq!(reply.body.matches("user_id").count(), 1, "{reply:?}");
        assert!(reply.body.contains(&format!("{user}'s")), "{reply:?}");
    }
    client.sends("GET /api/tasks HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert_eq!(client.reads().await.status, 401, "no identity is kept from the request before");
}

/// Asserts that the server goes on reading. If it closed the connection with unread data, TCP would send a reset, and some
/// systems then drop the answer that the client has not read yet.
async fn goes_on_sending(client: &mut RawClient, text: &str) {
    for _ in 0..4 {
        assert!(client.sends(text).await, "the server has closed the connection");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_client_that_still_sends_a_chunked_body_over_the_limit_can_read_the_413() {
    let world = World::shared().await;
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
    let mut client = RawClient::sending(
        world.server.address,
        head("POST", "/api/tasks", "alice") + "Transfer-Encoding: chunked\r\n\r\n",
    )
    .await;
    client.sends(&chunk).await;
    client.sends(&chunk).await;

    let reply = client.reads().await;

    goes_on_sending(&mut client, &chunk).await;
    assert_eq!(reply.status, 413, "{reply:?}");
    assert!(reply.body.contains("64 KiB"), "{reply:?}");
}

#[tokio::test]
async fn a_client_that_still_sends_an_announced_body_over_the_limit_can_read_the_413() {
    let world = World::shared().await;
    let text = head("POST", "/api/tasks", "alice") + "Content-Length: 3000000\r\n\r\n";
    let mut client = RawClient::sending(world.server.address, text + &"x".repeat(200_000)).await;

    let reply = client.reads().await;

    goes_on_sending(&mut client, &"x".repeat(200_000)).await;
    assert_eq!(reply.status, 413, "{reply:?}");
}

#[tokio::test]
async fn a_client_without_a_token_that_still_sends_a_body_can_read_the_401() {
    let world = World::shared().await;
    let text = "POST /api/tasks HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\n";
    let mut client = RawClient::sending(world.server.address, text.to_owned() + &"x".repeat(200_000)).await;

    let reply = client.reads().await;

    goes_on_sending(&mut client, &"x".repeat(200_000)).await;
    assert_eq!(reply.status, 401, "{reply:?}");
    assert!(reply.head.contains("www-authenticate: bearer"), "{reply:?}");
}

#[tokio::test]
async fn a_user_who_waits_for_100_continue_gets_it() {
    let world = World::shared().await;
    let text = head("POST", "/api/tasks", "alice") + "Content-Length: 15\r\nExpect: 100-continue\r\n\r\n";
    let mut client = RawClient::sending(world.server.address, text).await;

    assert_eq!(client.reads().await.status, 100);
    client.sends(r#"{"title":"one"}"#).await;

    assert_eq!(client.reads().await.status, 201);
}

#[tokio::test]
async fn a_client_without_a_token_that_waits_for_100_continue_gets_the_401_at_once() {
    let world = World::shared().await;
    let text = "POST /api/tasks HTTP/1.1\r\nHost: x\r\nContent-Length: 15\r\nExpect: 100-continue\r\n\r\n";

    let reply = RawClient::sending(world.server.address, text).await.reads().await;

    assert_eq!(reply.status, 401, "{reply:?}");
}

#[tokio::test]
async fn an_http_1_0_request_is_answered_and_its_connection_closed() {
    let world = World::shared().await;

    let answer = RawClient::sending(world.server.address, "GET /health HTTP/1.0\r\n\r\n")
        .await
        .reads_to_the_end()
        .await;

    assert!(answer.starts_with("HTTP/1.0 200"), "{answer}");
    assert!(answer.ends_with(r#"{"status":"healthy"}"#), "{answer}");
}

#[tokio::test]
async fn a_request_target_may_be_an_absolute_url() {
    let world = World::shared().await;
    let url = format!("http://{}/api/tasks", world.server.address);

    let reply =
        RawClient::sending(world.server.address, request("GET", &url, "alice", "")).await.reads().await;

    assert_eq!((reply.status, reply.body.as_str()), (200, "[]"));
}

#[tokio::test]
async fn request_targets_that_are_no_path_are_refused_and_the_server_goes_on() {
    let world = World::shared().await;
    for line in
        ["OPTIONS *", "GET *", "CONNECT example.test:443", "GET //", "GET /api/tasks/../../etc", "OPTIONS /%"]
    {
        let text = format!("{line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");

        let answer = RawClient::sending(world.server.address, text).await.reads_to_the_end().await;

        let status = answer.split(' ').nth(1).unwrap_or_default();
        assert!(["200", "204", "400", "404", "405"].contains(&status), "{line}: {answer:?}");
        assert!(status != "200" || line.starts_with("OPTIONS"), "{line}: {answer:?}");
    }
    assert_eq!(world.anonymous().get("/health").await.status(), 200);
}
