//! The ready token of the page `/docs`: only in development, with the server's own secret, for pages of this server in a
//! browser on this machine.

use http::{Method, Request as HttpRequest};
use jsonwebtoken::Algorithm::EdDSA;

use crate::operation::checkout::{Checkout, Ready};
use crate::operation::raw_client::RawClient;
use crate::world::{Answer, Database, Issuer, KeyPair, Person, Request, SECRET, World, send};

/// A development server on a database of its own.
pub struct Development {
    _ready: Ready,
    checkout: Checkout,
    _database: Database,
    anonymous: Person,
}

impl Development {
    pub async fn with(settings: &[(&str, &str)]) -> Self {
        let (checkout, database) = (Checkout::new("t"), Database::new().await);
        let url = database.url("postgres");
        let mut all = vec![("DATABASE_URL", url.as_str()), ("ENVIRONMENT", "development")];
        all.extend(settings);
        let ready = checkout.start_with(&all).await;
        let anonymous = Person::with_token(ready.address(), None);
        Self { _ready: ready, checkout, _database: database, anonymous }
    }

    async fn asks(&self, headers: &[(&str, &str)]) -> Answer {
        send(self.anonymous.address, with(self.anonymous.request(Method::POST, "/docs/token", ""), headers))
            .await
    }

    /// A token of the secret that the server made.
    pub async fn token(&self, user: &str) -> String {
        let ended = self.checkout.program(&["token", "--user", user]).run().await;
        ended.out.trim().to_owned()
    }

    pub fn own_origin(&self) -> String {
        format!("http://{}", self.anonymous.address)
    }
}

fn with(request: Request, headers: &[(&str, &str)]) -> Request {
    let (mut head, body) = request.into_parts();
    for (name, value) in headers {
        let name: http::HeaderName = name.parse().expect("a name");
        head.headers.insert(name, value.parse().expect("a value"));
    }
    HttpRequest::from_parts(head, body)
}

#[tokio::test]
async fn a_page_of_the_server_gets_a_token_that_works() {
    let server = Development::with(&[]).await;
    let origin = server.own_origin();

    for headers in [&[][..], &[("origin", origin.as_str()), ("sec-fetch-site", "same-origin")]] {
        let answer = server.asks(headers).await;

        assert_eq!(answer.status(), 200, "{answer:?}");
        assert_eq!(
            (answer.json()["user"].as_str(), answer.header("cache-control")),
            (Some("alice"), "no-store")
        );
        let token = answer.json()["token"].as_str().expect("a token").to_owned();
        let alice = Person::with_token(server.anonymous.address, Some(&token));
        assert_eq!(alice.get("/api/alice/tasks").await.status(), 200);
    }
}

/// The host in the target counts, and not the one in `Host` (RFC 9112, section 3.2.2).
#[tokio::test]
async fn a_request_whose_target_names_another_host_gets_no_token() {
    let server = Development::with(&[]).await;
    let to = |target: &str| {
        format!("POST {target}/docs/token HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n\r\n")
    };

    for (target, status) in [("", 200), ("http://127.0.0.1", 200), ("http://rebound.example", 404)] {
        let mut client = RawClient::sending(server.anonymous.address, to(target)).await;

        assert_eq!(client.reads().await.status, status, "{target}");
    }
}

/// A server that is on the machine of a developer is reached by pages of other origins, and through proxies.
#[tokio::test]
async fn a_request_that_can_come_from_elsewhere_gets_the_answer_of_a_path_that_does_not_exist() {
    let server = Development::with(&[]).await;
    let nothing = server.anonymous.get("/nothing").await.without_date();

    for (name, value) in [
        ("host", "rebound.example:8000"),
        ("host", "localhost.rebound.example"),
        ("host", "192.0.2.7"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("sec-fetch-site", "none"),
        ("origin", "http://localhost:3000"),
        ("origin", "https://a.example"),
        ("origin", "null"),
        ("x-forwarded-for", "127.0.0.1"),
        ("x-forwarded-host", "127.0.0.1"),
        ("x-forwarded-proto", "http"),
        ("x-real-ip", "127.0.0.1"),
        ("forwarded", "for=127.0.0.1"),
        ("via", "1.1 a"),
    ] {
        let answer = server.asks(&[(name, value)]).await;

        assert_eq!(answer.status(), 404, "{name}: {value}");
        assert_eq!(answer.body, nothing.2, "{name}: {value}");
    }
}

#[tokio::test]
async fn no_page_of_another_origin_can_read_the_token() {
    let server = Development::with(&[]).await;

    // Chromium says that the page is of this server; the origin is a listed one.
    let listed = [("origin", "http://localhost:3000"), ("sec-fetch-site", "same-origin")];
    let answer = server.asks(&listed).await;
    let read = server.anonymous.get("/docs/token").await;

    assert_eq!(answer.status(), 200);
    assert_eq!(answer.header("access-control-allow-origin"), "");
    assert_eq!((read.status(), read.header("allow")), (405, "POST, OPTIONS"));
}

#[tokio::test]
async fn a_server_with_a_configured_secret_or_issuer_offers_no_token() {
    let issuer = Issuer::new(&[&KeyPair::new(EdDSA)]).await;
    let url = issuer.url();

    for settings in [("BETTER_AUTH_SECRET", SECRET), ("BETTER_AUTH_URL", url.as_str())] {
        let server = Development::with(&[settings]).await;

        assert_eq!(server.asks(&[]).await.status(), 404, "{settings:?}");
        let page = String::from_utf8_lossy(&server.anonymous.get("/docs").await.body).into_owned();
        assert!(page.contains("data-ready-token=\"no\""), "{page}");
    }
}

#[tokio::test]
async fn a_server_outside_development_offers_no_token() {
    let world = World::shared().await;

    for method in [Method::POST, Method::GET, Method::OPTIONS] {
        assert_eq!(world.anonymous().call(method.clone(), "/docs/token").await.status(), 404, "{method}");
    }
}
