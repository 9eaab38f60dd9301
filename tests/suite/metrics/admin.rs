//! The second listener: what it answers, to whom, and for how long.

use std::time::Duration;

use http::Method;
use jsonwebtoken::Algorithm::EdDSA;
use serde_json::json;

use super::scrape::{ADMIN, Admin, Watched};
use crate::http::routes::{ROUTES, path};
use crate::operation::health::next_health;
use crate::operation::raw_client::RawClient;
use crate::world::{Issuer, KeyPair, Person, World};

#[tokio::test]
async fn the_second_listener_has_live_ready_and_metrics_and_nothing_else() {
    let watched = Watched::with(&[]).await;
    let alice = Person::new(watched.admin.address, "alice");

    for (template, _) in ROUTES.iter().filter(|(template, _)| *template != "/live") {
        let path = path(template, "alice", "7");
        assert_eq!(alice.get(&path).await.status(), 404, "{path}");
    }
    for path in ["/metrics/x", "/metric", "/ready/now", "/docs/token", "//metrics"] {
        assert_eq!(alice.get(path).await.status(), 404, "{path}");
    }
    for path in ["/live", "/ready", "/metrics", "/metrics/"] {
        assert_eq!(watched.admin.get(path).await.status(), 200, "{path}");
        for method in [Method::POST, Method::PUT, Method::DELETE] {
            assert_eq!(alice.call(method, path).await.status(), 405, "{path}");
        }
    }
    let metrics = watched.admin.get("/metrics").await;
    assert_eq!(metrics.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
}

#[tokio::test]
async fn the_api_has_no_metrics_and_its_health_is_as_without_a_second_listener() {
    let watched = Watched::with(&[]).await;
    let anonymous = watched.world.anonymous();

    for path in ["/metrics", "/ready"] {
        assert_eq!(anonymous.get(path).await.status(), 404, "{path}");
    }
    for (path, status) in [("/live", "alive"), ("/health", "healthy")] {
        let answer = anonymous.get(path).await;
        assert_eq!((answer.status(), answer.json()), (200, json!({ "status": status })), "{path}");
    }
}

#[tokio::test]
async fn requests_to_the_second_listener_are_not_counted_and_have_no_line_at_the_usual_level() {
    let watched = Watched::with(&[("LOG_LEVEL", "info")]).await;
    watched.world.anonymous().get("/live").await;
    watched.world.server.logs(|event| event["message"] == "answered").await;
    let before = watched.scrape().await.sum("rowkeep_http_requests_total", &[]);

    for path in ["/live", "/ready", "/metrics", "/nowhere"] {
        watched.admin.get(path).await;
    }

    let after = watched.scrape().await.sum("rowkeep_http_requests_total", &[]);
    assert_eq!((before, after), (1.0, 1.0));
    let lines = watched.world.server.log();
    assert_eq!(lines.iter().filter(|line| line.contains("answered")).count(), 1, "{lines:?}");
}

#[tokio::test]
async fn ready_fails_while_the_tables_are_not_protected() {
    let watched = Watched::with(&[]).await;
    let superuser = watched.world.database.superuser().await;
    let admin = Person::with_token(watched.admin.address, None);
    assert_eq!(admin.get("/ready").await.json(), json!({ "status": "ready" }));

    superuser.batch_execute("alter table app.tasks disable row level security").await.expect("no protection");
    tokio::time::sleep(Duration::from_millis(1100)).await; // a result is used for a second
    let open = admin.get("/ready").await;
    superuser.batch_execute("alter table app.tasks enable row level security").await.expect("protection");
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let closed = admin.get("/ready").await;

    assert_eq!((open.status(), &open.json()["status"]), (503, &json!("not ready")));
    assert!(open.detail().contains("does not protect"), "{open:?}");
    assert_eq!((closed.status(), closed.json()), (200, json!({ "status": "ready" })));
}

#[tokio::test]
async fn ready_fails_without_a_key() {
    let mut issuer = Issuer::new(&[&KeyPair::new(EdDSA)]).await;
    issuer.stop().await;
    let watched = Watched::of(&issuer, &[]).await;

    let answer = watched.admin.get("/ready").await;

    assert_eq!((answer.status(), &answer.json()["status"]), (503, &json!("not ready")));
    assert!(answer.detail().contains("no key"), "{answer:?}");
    assert_eq!(watched.admin.get("/live").await.status(), 200);
}

#[tokio::test]
async fn while_the_server_stops_it_is_not_ready_and_its_metrics_can_still_be_read() {
    let mut watched = Watched::with(&[("SHUTDOWN_DELAY", "3")]).await;
    watched.world.server.signal("TERM");
    watched.world.server.logs(|event| event["message"] == "received a stop signal").await;

    let ready = watched.admin.get("/ready").await;
    let live = watched.admin.get("/live").await;
    let health = next_health(&watched.world.anonymous()).await;
    watched.scrape().await;

    assert_eq!((ready.status(), live.status(), health.status()), (503, 200, 503));
    assert_eq!(watched.world.server.ended().await.code(), Some(0));
}

#[tokio::test]
async fn a_head_that_does_not_arrive_in_time_is_answered_with_408() {
    let watched = Watched::with(&[("REQUEST_TIMEOUT", "1")]).await;
    let mut client = RawClient::sending(watched.admin.address, "GET /metrics HTTP/1.1\r\nHost: x\r\n").await;

    let reply = client.reads().await;

    assert_eq!(reply.status, 408, "{reply:?}");
}

#[tokio::test]
async fn a_body_that_nobody_reads_does_not_keep_the_connection() {
    let watched = Watched::with(&[]).await;
    let text = "GET /live HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n";
    let mut client = RawClient::sending(watched.admin.address, text).await;

    let reply = client.reads().await;

    assert_eq!(reply.status, 200, "{reply:?}");
    assert!(reply.head.contains("connection: close"), "{reply:?}");
}

/// An address may hold half of the connections of the second listener.
#[tokio::test]
async fn more_connections_than_the_second_listener_has_are_refused_and_those_of_the_api_are_not() {
    let watched = Watched::with(&[]).await;
    let mut held = Vec::new();
    for _ in 0..16 {
        held.push(RawClient::sending(watched.admin.address, "GET /metrics HTTP/1.1\r\n").await);
    }
    tokio::time::sleep(Duration::from_millis(100)).await; // until the server has read them

    let mut one_more = RawClient::open(watched.admin.address).await;
    let refused = one_more.reads().await;

    assert_eq!(refused.status, 503, "{refused:?}");
    assert_eq!(watched.world.anonymous().get("/live").await.status(), 200);
    drop(held);
    tokio::time::sleep(Duration::from_millis(200)).await; // until the server has noticed
    assert_eq!(watched.admin.get("/live").await.status(), 200);
}

#[tokio::test]
async fn a_second_listener_at_the_address_of_the_api_or_of_another_program_stops_the_start() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port().to_string();

    let of_api = World::try_with(&[("PORT", &port), ("ADMIN_ADDR", &format!("0.0.0.0:{port}"))]).await;
    let of_another = World::try_with(&[("ADMIN_ADDR", &format!("127.0.0.1:{port}"))]).await;

    let of_api = of_api.err().expect("no start");
    assert!(of_api.contains("where the API listens"), "{of_api}");
    let of_another = of_another.err().expect("no start");
    assert!(of_another.contains("set ADMIN_ADDR to another address"), "{of_another}");
}

#[tokio::test]
async fn operators_are_answered_before_the_database_was_reached() {
    let settings = [
        ("DATABASE_URL", "host=127.0.0.1 port=1 user=nobody dbname=nothing sslmode=disable"),
        ("BETTER_AUTH_SECRET", crate::world::SECRET),
        ADMIN,
    ];
    let server = crate::world::Server::start_listening(&settings).await.expect("a server");
    let admin = Admin::of(&server).await;

    let (ready, scrape) = (admin.get("/ready").await, admin.scrape().await);

    assert_eq!(ready.status(), 503, "{ready:?}");
    for (name, value) in [
        ("rowkeep_protected", 0.0),
        ("rowkeep_protection_checked_timestamp_seconds", 0.0),
        ("rowkeep_database_reachable", 0.0),
        ("rowkeep_pool_size", 0.0),
    ] {
        assert_eq!(scrape.value(name, &[]), value, "{name}");
    }
}
