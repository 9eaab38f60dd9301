//! Heads that are too large, and heads that are not HTTP: each gets an answer with a body and an id.

use super::raw_client::{RawClient, Reply, request};
use crate::world::World;

const LARGEST: usize = 32 * 1024;

/// A request for /live whose head has this many bytes.
fn head_of(bytes: usize) -> String {
    let (start, end) = ("GET /live HTTP/1.1\r\nHost: x\r\nX-Long: ", "\r\n\r\n");
    format!("{start}{}{end}", "x".repeat(bytes - start.len() - end.len()))
}

/// A request for /live with this many headers.
fn with_headers(number: usize) -> String {
    let headers: String = (1..number).map(|at| format!("X-{at}: y\r\n")).collect();
    format!("GET /live HTTP/1.1\r\nHost: x\r\n{headers}\r\n")
}

async fn reply_to(world: &World, text: &str) -> Reply {
    let mut client = RawClient::open(world.server.address).await;
    client.sends(text).await;
    client.reads().await
}

#[tokio::test]
async fn a_head_of_32_kib_and_one_of_a_hundred_headers_are_read() {
    let world = World::shared().await;
    for text in [head_of(LARGEST), with_headers(100)] {
        let reply = reply_to(&world, &text).await;

        assert_eq!(reply.status, 200, "{reply:?}");
    }
}

#[tokio::test]
async fn a_head_that_cannot_be_read_gets_a_json_body_with_the_reason_and_a_request_id() {
    let world = World::shared().await;
    let long = "x".repeat(LARGEST);
    for (text, status, reason) in [
        (head_of(LARGEST + 1), 431, "32 KiB"),
        (head_of(2 * LARGEST), 431, "32 KiB"),
        (head_of(20 * LARGEST), 431, "32 KiB"),
        (with_headers(101), 431, "100 headers"),
        (format!("GET /{long} HTTP/1.1\r\nHost: x\r\n\r\n"), 414, "32 KiB"),
        ("GET /live HTTP/9\r\n\r\n".into(), 400, "HTTP/1.1"),
        ("hello\r\n\r\n".into(), 400, "HTTP/1.1"),
        ("GET /live HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n".into(), 400, "HTTP/1.1"),
        ("POST /live HTTP/1.1\r\nHost: x\r\nContent-Length: 1x\r\n\r\n".into(), 400, "HTTP/1.1"),
    ] {
        let start: String = text.chars().take(60).collect();
        let mut client = RawClient::open(world.server.address).await;
        client.sends(&text).await;
        let reply = client.reads().await;

        assert_eq!(reply.status, status, "{start} {reply:?}");
        let body: serde_json::Value = serde_json::from_str(&reply.body).expect("JSON");
        assert!(body["detail"].as_str().is_some_and(|detail| detail.contains(reason)), "{start} {reply:?}");
        for header in ["content-type: application/json", "connection: close", "x-request-id: "] {
            assert!(reply.head.contains(header), "{start} {reply:?}");
        }
        assert_eq!(client.reads_to_the_end().await, "", "{start}");
    }
}

#[tokio::test]
async fn requests_before_a_head_that_cannot_be_read_are_answered() {
    let world = World::shared().await;
    let good = request("GET", "/api/tasks", "alice", "");
    let mut client = RawClient::open(world.server.address).await;

    client.sends(good.repeat(3) + "hello\r\n\r\n").await;

    for _ in 0..3 {
        assert_eq!(client.reads().await.status, 200);
    }
    let last = client.reads().await;
    assert!(last.status == 400 && last.body.contains("detail"), "{last:?}");
    assert_eq!(client.reads_to_the_end().await, "");
}

/// A buffer grows to the size of the head and no further. The bound also covers what a connection takes by itself.
#[tokio::test]
#[ignore = "takes long: `make test-all`"]
#[cfg_attr(not(target_os = "linux"), ignore = "needs /proc of Linux")]
async fn a_thousand_unfinished_heads_take_little_memory() {
    use super::whole_lists::peak_memory;
    let world = World::with(&[("REQUEST_TIMEOUT", "60")]).await;
    let before = peak_memory(world.server.id()).expect("memory");
    let text = head_of(LARGEST);
    let text = &text[..LARGEST - 100];

    let mut held = Vec::new();
    for _ in 0..1000 {
        held.push(RawClient::sending(world.server.address, text).await);
    }
    tokio::time::sleep(std::time::Duration::from_secs(1)).await; // until the server has read what they sent

    let taken = peak_memory(world.server.id()).expect("memory") - before;
    assert!(taken < 64 << 20, "{} kB", taken / 1024);
    assert_eq!(world.user("bob").get("/api/tasks").await.status(), 200);
}
