//! The second listener, as those use it who should not: pages, clients that hold its connections, texts that are too long.

use jsonwebtoken::Algorithm::EdDSA;
use serde_json::json;

use super::scrape::Watched;
use crate::operation::raw_client::RawClient;
use crate::world::{Issuer, KeyPair, PASSWORD, Person, World};

/// A text of a client that nobody else may see.
const MARK: &str = "mark-of-a-client";

const LIVE: &str = "GET /live HTTP/1.1\r\nHost: x\r\n\r\n";

#[tokio::test]
async fn a_head_or_a_line_that_is_too_long_is_refused() {
    let watched = Watched::with(&[]).await;
    let long = "x".repeat(40_000);

    for (text, status) in [
        (format!("GET /metrics HTTP/1.1\r\nHost: x\r\nX-Long: {long}\r\n\r\n"), 431),
        (format!("GET /{long} HTTP/1.1\r\nHost: x\r\n\r\n"), 414),
        ("hello\r\n\r\n".to_owned(), 400),
        ("GET /metrics HTTP/1.1\r\n\r\n".to_owned(), 400),
    ] {
        let reply = RawClient::sending(watched.admin.address, text).await.reads().await;
        assert_eq!(reply.status, status, "{reply:?}");
    }
    watched.scrape().await;
}

/// An address may hold half of the connections of the listener.
#[tokio::test]
async fn connections_that_nobody_uses_give_way_to_a_scrape() {
    let watched = Watched::with(&[]).await;
    let mut idle = Vec::new();
    for _ in 0..16 {
        let mut client = RawClient::sending(watched.admin.address, LIVE).await;
        assert_eq!(client.reads().await.status, 200);
        idle.push(client);
    }

    for _ in 0..4 {
        watched.scrape().await;
    }

    let first = idle.remove(0);
    assert_eq!({ first }.reads_to_the_end().await, "", "it was idle longest");
}

/// Requests of the API may take an hour here, and so may heads.
#[tokio::test]
async fn clients_that_hold_connections_of_the_second_listener_do_not_delay_the_end() {
    let mut watched = Watched::with(&[("REQUEST_TIMEOUT", "3600"), ("KEEP_ALIVE_TIMEOUT", "3600")]).await;
    let address = watched.admin.address;
    let mut idle = RawClient::sending(address, LIVE).await;
    assert_eq!(idle.reads().await.status, 200);
    let half = RawClient::sending(address, "GET /metrics HTTP/1.1\r\nHost: x\r\n").await;
    let unread = RawClient::sending(address, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n".repeat(200)).await;

    watched.world.server.signal("TERM");

    assert_eq!(watched.world.server.ended().await.code(), Some(0));
    drop((idle, half, unread));
}

/// `CORS_ORIGINS` is about the API: no page reads what is for operators, and no line advises to let one.
#[tokio::test]
async fn a_page_cannot_read_what_is_for_operators_and_no_line_advises_to_let_it() {
    let origin = "http://localhost:3000";
    let watched = Watched::with(&[("CORS_ORIGINS", origin), ("LOG_LEVEL", "info")]).await;
    let operator = Person::with_token(watched.admin.address, None);

    for path in ["/live", "/ready", "/metrics", "/nowhere"] {
        for origin in [origin, "https://other.example", "null"] {
            let mut request = operator.request(http::Method::GET, path, "");
            request.headers_mut().insert("origin", origin.parse().expect("a header"));
            let answer = crate::world::send(watched.admin.address, request).await;
            assert_eq!(answer.header("access-control-allow-origin"), "", "{path} {origin}");
        }
    }

    let scrape = watched.scrape().await;
    assert_eq!(scrape.value("rowkeep_origins_refused_total", &[]), 0.0);
    let log = watched.world.server.log();
    assert!(!log.iter().any(|line| line.contains("CORS")), "{log:?}");
}

#[tokio::test]
async fn what_operators_read_says_nothing_of_clients_secrets_or_addresses() {
    let pair = KeyPair::new(EdDSA);
    let mut issuer = Issuer::new(&[&pair]).await;
    let watched = Watched::of(&issuer, &[]).await;
    let person = watched.world.signed_in(&issuer, &pair);
    person.creates(json!({ "title": MARK, "description": MARK })).await;
    watched.world.anonymous().get(&format!("/api/{MARK}/tasks?q={MARK}")).await;
    Person::with_token(watched.world.server.address, Some(MARK)).get("/api/tasks").await;
    issuer.stop().await;
    let superuser = watched.world.database.superuser().await;
    superuser.batch_execute("drop policy fence on app.tasks").await.expect("less protection");

    let mut texts = String::new();
    for path in ["/live", "/metrics", "/nowhere", "/ready"] {
        let answer = watched.admin.get(path).await;
        texts += &format!("{:?} {}\n", answer.headers, String::from_utf8_lossy(&answer.body));
    }

    assert!(texts.contains("not ready"), "{texts}");
    let database = watched.world.database.name.as_str();
    for secret in [MARK, "alice", PASSWORD, "rowkeep_login", database, "fence", "127.0.0.1"] {
        assert!(!texts.contains(secret), "{secret}: {texts}");
    }
}

#[tokio::test]
async fn an_address_that_is_not_of_this_machine_stops_the_start_and_the_setting_is_named() {
    // An address that documents use for examples (RFC 5737).
    let refused = World::try_with(&[("ADMIN_ADDR", "192.0.2.1:9000")]).await.err().expect("no start");

    assert!(refused.contains("cannot listen on 192.0.2.1:9000"), "{refused}");
    assert!(refused.contains("set ADMIN_ADDR to another address"), "{refused}");
}
