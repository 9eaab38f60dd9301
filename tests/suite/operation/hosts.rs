//! The host that a request names, and requests that are about no path.

use super::raw_client::{RawClient, Reply, request};
use crate::world::{World, token};

async fn reply(world: &World, text: impl AsRef<[u8]>) -> Reply {
    RawClient::sending(world.server.address, text).await.reads().await
}

const WRONG: [&str; 9] = [
    "",
    "Host: a\r\nHost: a\r\n",
    "Host: a\r\nX: y\r\nhost: b\r\n",
    "Host:\r\n",
    "Host: a b\r\n",
    "Host: a,b\r\n",
    "Host: user@a\r\n",
    "Host: a/b\r\n",
    "Host: a:port\r\n",
];

#[tokio::test]
async fn a_request_without_one_valid_host_is_refused_before_all_else() {
    let world = World::shared().await;
    let preflight = "Origin: http://localhost:3000\r\nAccess-Control-Request-Method: POST\r\n";
    for hosts in WRONG {
        for (start, rest) in [
            ("GET /health", ""),
            ("GET /nowhere", ""),
            ("BREW /api/tasks", ""),
            ("POST /api/tasks", "Content-Length: 2\r\n"),
            ("GET http://a/health", ""),
            ("OPTIONS /api/tasks", preflight),
            ("OPTIONS *", ""),
        ] {
            let text = format!("{start} HTTP/1.1\r\n{hosts}{rest}\r\n");

            let reply = reply(&world, &text).await;

            assert_eq!(reply.status, 400, "{text}{reply:?}");
            assert!(reply.body.contains("Host") && reply.body.contains("detail"), "{reply:?}");
            assert!(reply.head.contains("x-content-type-options"), "{reply:?}");
        }
    }
}

#[tokio::test]
async fn a_page_can_read_that_its_host_was_refused() {
    let world = World::shared().await;
    let text = "GET /health HTTP/1.1\r\nOrigin: http://localhost:3000\r\n\r\n";

    let reply = reply(&world, text).await;

    assert_eq!(reply.status, 400);
    assert!(reply.head.contains("access-control-allow-origin: http://localhost:3000"), "{reply:?}");
}

#[tokio::test]
async fn a_refused_host_does_not_cost_the_connection() {
    let world = World::shared().await;
    let mut client = RawClient::sending(world.server.address, "GET / HTTP/1.1\r\n\r\n").await;
    assert_eq!(client.reads().await.status, 400);

    client.sends(request("GET", "/api/tasks", "alice", "")).await;

    assert_eq!(client.reads().await.status, 200);
}

#[tokio::test]
async fn a_check_of_http_1_0_may_leave_the_host_out_and_may_not_send_a_wrong_one() {
    let world = World::shared().await;

    let without = reply(&world, "GET /health HTTP/1.0\r\n\r\n").await;

    assert_eq!(without.status, 200);
    for hosts in &WRONG[1..] {
        let wrong = reply(&world, format!("GET /health HTTP/1.0\r\n{hosts}\r\n")).await;
        assert_eq!(wrong.status, 400, "{hosts}");
    }
}

#[tokio::test]
async fn hosts_of_every_kind_are_served() {
    let world = World::shared().await;
    for host in ["tasks.example", "TASKS:8000", "a_b", "127.0.0.1", "[::1]:8000", "a:"] {
        let reply = reply(&world, format!("GET /health HTTP/1.1\r\nHost: {host}\r\n\r\n")).await;

        assert_eq!(reply.status, 200, "{host}");
    }
}

#[tokio::test]
async fn an_absolute_target_is_served_like_its_path() {
    let world = World::shared().await;
    let token = token("alice");
    for target in [
        "http://rowkeep.test/api/tasks?status=all",
        "https://rowkeep.test:443/api/tasks",
        "HTTP://127.0.0.1/api/tasks/",
    ] {
        let text = format!("GET {target} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n");

        let reply = reply(&world, &text).await;

        assert_eq!((reply.status, reply.body.as_str()), (200, "[]"), "{target}");
    }
    for target in ["http://user@x/health", "http://x:port/health", "http://x:65536/health"] {
        let reply = reply(&world, format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n")).await;

        assert_eq!(reply.status, 400, "{target}");
    }
}

#[tokio::test]
async fn options_for_the_whole_server_is_204_and_names_its_methods() {
    let world = World::shared().await;
    for text in [
        "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
        "OPTIONS * HTTP/1.0\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer nonsense\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: x\r\nOrigin: http://elsewhere.example\r\n\r\n",
    ] {
        let reply = reply(&world, text).await;

        assert_eq!((reply.status, reply.body.as_str()), (204, ""), "{text}");
        for method in ["get", "head", "post", "put", "patch", "delete", "options"] {
            assert!(reply.head.contains("allow: ") && reply.head.contains(method), "{reply:?}");
        }
    }
    let other = reply(&world, "GET * HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert_eq!(other.status, 404, "an asterisk is no path of another method");
}
