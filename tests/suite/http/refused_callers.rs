//! Refused callers: what is logged about them, and that they cost no database work.

use http::Method;
use jsonwebtoken::Algorithm::EdDSA;
use rowkeep::session::connect_once;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::contracts::CONTRACTS;
use super::tokens::{PREVIOUS_SECRET, authorized, bearer, claims, header, signed, token_with};
use crate::operation::overload::eventually;
use crate::world::{Issuer, KeyPair, SECRET, SHARED_USERS, World};

#[tokio::test]
async fn every_401_and_403_is_logged_as_a_warning_with_address_and_reason() {
    let world = World::new().await;
    let logged = async |status: u16, reason: &str| {
        let is_refusal =
            |event: &Value| event["event.reason"].as_str().is_some_and(|text| text.starts_with(reason));
        let event = world
            .server
            .logs(|event| is_refusal(event) && event["http.response.status_code"] == status)
            .await;
        assert_eq!(event["log.level"], "warn", "{event}");
        let client = event["client.address"].as_str().expect("an address");
        let client: std::net::IpAddr = client.parse().expect("an address");
        assert!(client.is_loopback() && event["client.port"].is_u64(), "{event}");
    };
    let expired = bearer(&world, &token_with(json!({ "exp": 1 })));

    world.anonymous().get("/api/tasks").await;
    expired.get("/api/v1/tasks").await;
    world.user("bob").get("/api/alice/tasks").await;

    logged(401, "send a token: Authorization: Bearer <token>").await;
    logged(401, "the token expired ").await;
    logged(403, "the path names another user than the token").await;
}

#[tokio::test]
async fn every_refusal_is_logged_and_no_token_is_logged() {
    let world = World::new().await;
    let expired = token_with(json!({ "exp": 1 }));
    let bob = world.user("bob");

    let mut refusals = 0;
    for contract in CONTRACTS {
        for person in [world.anonymous(), bearer(&world, &expired), bearer(&world, "nonsense")] {
            let list = contract.tasks(&person).replace("/api//", "/api/alice@example.org/");
            person.get(&list).await;
            person.post(&list, json!({ "title": "a secret plan" })).await;
            for call in contract.calls {
                let path = format!("{list}/7{}", call.after);
                person.send(call.method.clone(), &path, call.body).await;
            }
            refusals += 2 + contract.calls.len();
        }
    }
    bob.call(Method::DELETE, "/api/alice@example.org/tasks/7").await;
    refusals += 1;

    let last = |event: &Value| event["message"] == "refused" && event["http.response.status_code"] == 403;
    world.server.logs(last).await;
    let log = world.server.log();
    let events: Vec<Value> = log.iter().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let refused: Vec<_> = events.iter().filter(|event| event["message"] == "refused").collect();
    assert_eq!(refused.len(), refusals);
    for event in refused {
        assert_eq!(event["log.level"], "warn", "{event}");
        assert!(event["event.reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{event}");
        assert_eq!(event["client.address"], "127.0.0.1", "{event}");
    }
    for secret in [&expired, SECRET, "a secret plan", "alice@example.org"] {
        assert!(!log.iter().any(|line| line.contains(secret)), "{secret} is logged");
    }
}

#[tokio::test]
async fn a_refused_token_has_the_word_of_its_problem() {
    let world = World::with(&[
        ("JWT_ISSUER", "https://issuer.example"),
        ("JWT_AUDIENCE", "api"),
        ("JWT_MAX_LIFETIME", "7200"),
    ])
    .await;
    let good = json!({ "iss": "https://issuer.example", "aud": "api" });
    let with = |changes: Value| {
        let mut all = good.clone();
        all.as_object_mut().expect("an object").extend(changes.as_object().expect("an object").clone());
        token_with(all)
    };
    let header = |header: Value| signed(&header, &claims(good.clone()), SECRET);
    for (word, token) in [
        ("token_placeholder", "undefined".to_owned()),
        ("token_malformed", "a.b".into()),
        ("token_too_long", "x".repeat(17_000)),
        ("token_session", "a1".repeat(16)),
        ("token_other_purpose", with(json!({ "purpose": "reset" }))),
        ("token_unsupported", header(json!({ "alg": "HS256", "crit": ["x"] }))),
        ("token_algorithm", header(json!({ "alg": "none" }))),
        ("token_no_key", header(json!({ "alg": "RS256" }))),
        ("token_signature", signed(&json!({ "alg": "HS256" }), &claims(good.clone()), "another secret")),
        ("token_expired", with(json!({ "exp": 1 }))),
        ("token_not_yet_valid", with(json!({ "nbf": 4_000_000_000_u32 }))),
        ("token_lifetime", with(json!({ "exp": 4_000_000_000_u32 }))),
        ("token_issuer", with(json!({ "iss": "https://other.example" }))),
        ("token_audience", with(json!({ "aud": "other" }))),
        ("token_subject", with(json!({ "sub": " " }))),
        ("token_claims", with(json!({ "sub": 7 }))),
    ] {
        let answer = world.bearer(&token).get("/api/tasks").await;

        assert_eq!(answer.status(), 401, "{word}");
        let id = answer.header("x-request-id");
        let refused =
            world.server.logs(|event| event["message"] == "refused" && event["http.request.id"] == id).await;
        assert_eq!(refused["error.type"], word, "{refused}");
    }
    let two = authorized(&world, &["Bearer a", "Bearer b"]).await;
    let id = two.header("x-request-id");
    let refused =
        world.server.logs(|event| event["message"] == "refused" && event["http.request.id"] == id).await;
    assert_eq!(refused["error.type"], "token_several_headers", "{refused}");
}

#[tokio::test]
async fn the_401_comes_before_the_body_has_arrived() {
    let world = World::shared().await;

    for (request, status) in [
        ("POST /api/tasks HTTP/1.1", "401"),
        ("PUT /api/v1/tasks/7 HTTP/1.1", "401"),
        ("PATCH /api/alice/tasks/7/complete HTTP/1.1", "401"),
    ] {
        for length in ["content-length: 1000", "content-length: 10000000000", "transfer-encoding: chunked"] {
            let mut stream = TcpStream::connect(world.server.address).await.expect("a connection");
            let head = format!("{request}\r\nhost: x\r\ncontent-type: application/json\r\n{length}\r\n\r\n");
            stream.write_all(head.as_bytes()).await.expect("a request without its body");
            let mut answer = [0; 12];
            stream.read_exact(&mut answer).await.expect("an answer all the same");

            assert_eq!(answer, format!("HTTP/1.1 {status}").as_bytes(), "{request} {length}");
        }
    }
}

#[tokio::test]
async fn a_refused_caller_needs_no_database() {
    let world = World::with(&[("REQUEST_TIMEOUT", "2")]).await;
    let (alice, bob) = (world.user("alice"), world.user("bob"));
    let admin = crate::world::cluster().await.address("postgres").expect("an address");
    let admin = connect_once(&admin).await.expect("a connection");
    let name = &world.database.name;
    // In two statements: otherwise a connection could open before the new setting is visible.
    for close in [
        format!("alter database {name} allow_connections false"),
        format!("select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = '{name}'"),
    ] {
        admin.batch_execute(&close).await.expect("a database out of reach");
    }

    for contract in CONTRACTS {
        let list = contract.tasks(&alice);

        contract.refuses(&world.anonymous().get(&list).await, 401, format!("{contract}: no token"));
        contract.refuses(&bearer(&world, "x").get(&list).await, 401, format!("{contract}: a bad token"));
        let busy = alice.get(&list).await;
        contract.refuses(&busy, 503, format!("{contract}: alice"));
        assert!(!busy.header("retry-after").is_empty(), "{contract}: {busy:?}");
    }
    assert_eq!(bob.get("/api/alice/tasks").await.status(), 403);
}

#[tokio::test]
async fn a_refused_caller_does_not_wait_for_a_connection() {
    let (pair, forged) = (KeyPair::new(EdDSA), KeyPair::new(EdDSA));
    let issuer = Issuer::new(&[&pair]).await;
    let url = issuer.url();
    let sources = [("BETTER_AUTH_URL", &*url), SHARED_USERS];
    let settings = [&[("DATABASE_POOL_SIZE", "2"), ("REQUEST_TIMEOUT", "60")][..], &sources].concat();
    let world = World::with(&settings).await;
    let alice = world.user("alice");
    let superuser = world.database.superuser().await;
    let name = &world.database.name;
    let timeouts = format!(
        "alter role rowkeep_login in database {name} set lock_timeout = '60s';
         alter role rowkeep_login in database {name} set statement_timeout = '60s'"
    );
    superuser.batch_execute(&timeouts).await.expect("longer timeouts for new connections");
    superuser
        .batch_execute(&format!(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity
              where datname = '{name}' and usename = 'rowkeep_login'"
        ))
        .await
        .expect("new connections");
    // The server may not have noticed it yet.
    eventually("a new connection", async || alice.get("/api/tasks").await.status() == 200).await;
    superuser.batch_execute("begin; lock table app.tasks").await.expect("a lock");

    let waiting = tokio::spawn(async move { alice.get("/api/tasks").await });
    let blocked = "select count(*) from pg_locks join pg_database on pg_database.oid = database
                     where datname = current_database() and not granted";
    while superuser.query_one(blocked, &[]).await.expect("locks").get::<_, i64>(0) == 0 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let with_kid = json!({ "alg": "EdDSA", "kid": pair.kid });
    let mut refused = vec![world.anonymous().get("/api/tasks").await.status()];
    for token in [
        "nonsense".to_owned(),
        token_with(json!({ "exp": 1 })),
        signed(&header(), &claims(json!({})), PREVIOUS_SECRET),
        forged.sign(&with_kid, &issuer.claims(json!({}))),
        forged.token(&issuer.claims(json!({}))),
        pair.token(&issuer.claims(json!({ "aud": "other-api" }))),
    ] {
        refused.push(bearer(&world, &token).get("/api/tasks").await.status());
    }
    let still_waiting = !waiting.is_finished();
    superuser.batch_execute("rollback").await.expect("no lock");

    assert_eq!(refused, [401; 7]);
    assert!(still_waiting, "the only connection was in use");
    assert_eq!(waiting.await.expect("an answer").status(), 200);
}
