//! CORS: what pages of other origins may send and read.

mod origins;

use std::collections::BTreeSet;

use http::{HeaderValue, Method};
use serde_json::json;

use super::contracts::{CONTRACTS, USER_TASKS};
use super::routes::{ROUTES, path};
use super::tokens::bearer;
use crate::world::{Answer, Person, World, send};

const LISTED: &str = "http://localhost:3000";

async fn send_with(
    person: &Person,
    method: Method,
    path: &str,
    headers: &[(&'static str, &str)],
    body: &str,
) -> Answer {
    let mut request = person.request(method, path, body.to_owned());
    for (name, value) in headers {
        request.headers_mut().insert(*name, HeaderValue::from_str(value).expect("a header"));
    }
    send(person.address, request).await
}

/// Sends the preflight that a browser sends before a request that is not simple.
async fn preflight(person: &Person, path: &str, origin: &str) -> Answer {
    let headers = [
        ("origin", origin),
        ("access-control-request-method", "PATCH"),
        ("access-control-request-headers", "authorization,content-type"),
    ];
    send_with(person, Method::OPTIONS, path, &headers, "").await
}

/// The members of a comma-separated header, in lower case.
fn list(answer: &Answer, name: &str) -> BTreeSet<String> {
    answer.header(name).split(',').map(|entry| entry.trim().to_ascii_lowercase()).collect()
}

fn set(entries: &[&str]) -> BTreeSet<String> {
    entries.iter().map(|&entry| entry.to_owned()).collect()
}

/// Asserts that a page of `origin` may read the answer.
fn assert_open(answer: &Answer, origin: &str, label: &str) {
    assert_eq!(answer.header("access-control-allow-origin"), origin, "{label}");
    assert_eq!(answer.header("access-control-allow-credentials"), "true", "{label}");
    assert!(list(answer, "vary").contains("origin"), "{label}: {answer:?}");
    let exposed = list(answer, "access-control-expose-headers");
    let wanted = set(&[
        "link",
        "x-total-count",
        "etag",
        "retry-after",
        "location",
        "ratelimit",
        "ratelimit-policy",
        "allow",
        "www-authenticate",
        "x-request-id",
    ]);
    assert!(exposed.is_superset(&wanted), "{label}: {exposed:?}");
}

/// Asserts that the answer allows no origin, and that `Vary` names the Origin header.
fn assert_closed(answer: &Answer, label: &str) {
    let cors: Vec<_> =
        answer.headers.keys().filter(|name| name.as_str().starts_with("access-control-")).collect();
    assert!(cors.is_empty(), "{label}: {cors:?}");
    assert!(list(answer, "vary").contains("origin"), "{label}: {answer:?}");
}

#[tokio::test]
async fn a_preflight_of_a_listed_origin_is_answered_without_a_token() {
    let world = World::shared().await;

    for (template, _) in ROUTES {
        let path = path(template, "alice", "7");
        let answer = preflight(&world.anonymous(), &path, LISTED).await;

        assert_eq!((answer.status(), &answer.body[..]), (204, &b""[..]), "{path}");
        assert_open(&answer, LISTED, &path);
        let methods = set(&["get", "post", "put", "patch", "delete"]);
        assert_eq!(list(&answer, "access-control-allow-methods"), methods, "{path}");
        let headers = list(&answer, "access-control-allow-headers");
        assert!(headers.is_superset(&set(&["authorization", "content-type"])), "{path}: {headers:?}");
        let age: u32 = answer.header("access-control-max-age").parse().expect("seconds");
        assert!(age > 0, "{path}");
    }
}

#[tokio::test]
async fn a_preflight_of_another_origin_is_a_204_that_allows_nothing() {
    let world = World::shared().await;

    for (template, methods) in ROUTES {
        let path = path(template, "alice", "7");
        for origin in ["https://evil.example", "null", "http://localhost:3001", "https://localhost:3000", "*"]
        {
            let answer = preflight(&world.anonymous(), &path, origin).await;

            assert_eq!((answer.status(), &answer.body[..]), (204, &b""[..]), "{path} {origin}");
            assert_closed(&answer, &format!("{path} {origin}"));
            assert!(methods.iter().all(|method| list(&answer, "allow").contains(&method.to_lowercase())));
        }
    }
}

#[tokio::test]
async fn options_without_an_origin_is_a_204_with_the_methods_of_the_path() {
    let world = World::shared().await;

    for (template, methods) in ROUTES {
        let path = path(template, "alice", "7");
        let answer = world.anonymous().call(Method::OPTIONS, &path).await;

        assert_eq!((answer.status(), &answer.body[..]), (204, &b""[..]), "{path}");
        let mut wanted = set(&["options"]);
        wanted.extend(methods.iter().map(|method| method.to_lowercase()));
        if methods.contains(&"GET") {
            wanted.insert("head".into());
        }
        assert_eq!(list(&answer, "allow"), wanted, "{path}");
        assert_closed(&answer, &path);
    }
}

#[tokio::test]
async fn a_listed_origin_may_read_every_answer() {
    let world = World::shared().await;
    let alice = world.user("alice");
    let json = "application/json";

    for contract in CONTRACTS {
        let id = alice.creates(json!({ "title": "buy milk" })).await["id"].to_string();
        let (list, one) = (contract.tasks(&alice), contract.task(&alice, &id));
        for (status, method, path, content_type, body) in [
            (200, Method::GET, list.clone(), json, String::new()),
            (200, Method::HEAD, list.clone(), json, String::new()),
            (201, Method::POST, list.clone(), json, r#"{"title":"x"}"#.into()),
            (200, Method::PUT, one.clone(), json, r#"{"title":"x"}"#.into()),
            (400, Method::POST, list.clone(), json, "{".into()),
            (404, Method::GET, contract.task(&alice, 4711), json, String::new()),
            (404, Method::GET, format!("{one}/nothing"), json, String::new()),
            (405, Method::DELETE, list.clone(), json, String::new()),
            (413, Method::POST, list.clone(), json, "x".repeat(70_000)),
            (415, Method::POST, list.clone(), "text/plain", "x".into()),
            (contract.invalid, Method::POST, list.clone(), json, r#"{"title":""}"#.into()),
            (contract.invalid, Method::GET, format!("{list}?status=x"), json, String::new()),
        ] {
            let headers = [("origin", LISTED), ("content-type", content_type)];
            let answer = send_with(&alice, method.clone(), &path, &headers, &body).await;

            assert_eq!(answer.status(), status, "{method} {path}: {answer:?}");
            assert_open(&answer, LISTED, &format!("{status} {method} {path}"));
        }

        for person in [world.anonymous(), bearer(&world, "nonsense")] {
            let answer = send_with(&person, Method::GET, &list, &[("origin", LISTED)], "").await;
            assert_eq!(answer.status(), 401, "{list}");
            assert_open(&answer, LISTED, &format!("401 {list}"));
        }
        let deleted =
            send_with(&alice, Method::DELETE, &contract.task(&alice, &id), &[("origin", LISTED)], "").await;
        assert_open(&deleted, LISTED, &format!("DELETE in {contract}"));
    }
    let forbidden =
        send_with(&world.user("bob"), Method::GET, "/api/alice/tasks", &[("origin", LISTED)], "").await;
    USER_TASKS.refuses(&forbidden, 403, "bob");
    assert_open(&forbidden, LISTED, "403");
    assert_open(
        &send_with(&alice, Method::GET, "/health", &[("origin", LISTED)], "").await,
        LISTED,
        "health",
    );
}

#[tokio::test]
async fn a_listed_origin_may_read_server_errors() {
    let world = World::new().await;
    let broken = "alter table app.tasks rename to tasks_elsewhere";
    world.database.superuser().await.batch_execute(broken).await.expect("a broken database");

    for contract in CONTRACTS {
        let alice = world.user("alice");
        let answer = send_with(&alice, Method::GET, &contract.tasks(&alice), &[("origin", LISTED)], "").await;

        contract.refuses(&answer, 500, &contract);
        assert_open(&answer, LISTED, "500");
        assert!(!answer.header("x-request-id").is_empty(), "{answer:?}");
    }
    let health = send_with(&world.anonymous(), Method::GET, "/health", &[("origin", LISTED)], "").await;
    assert_eq!(health.status(), 503);
    assert_open(&health, LISTED, "503");
}

#[tokio::test]
async fn a_request_of_another_origin_is_answered_as_without_an_origin() {
    let world = World::shared().await;
    let alice = world.user("alice");
    let task = alice.creates(json!({ "title": "buy milk" })).await;

    for contract in CONTRACTS {
        for path in [contract.tasks(&alice), contract.task(&alice, &task["id"]), contract.task(&alice, 4711)]
        {
            for person in [&alice, &world.anonymous(), &world.user("bob")] {
                let wanted = person.get(&path).await;
                assert_closed(&wanted, &path);
                for origin in ["https://evil.example", "null", "http://localhost:3000.evil.example", "*", ""]
                {
                    let answer = send_with(person, Method::GET, &path, &[("origin", origin)], "").await;

                    let label = format!("{path} {origin}");
                    assert_eq!(answer.without_date(), wanted.clone().without_date(), "{label}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_request_of_another_origin_with_a_token_may_write() {
    let world = World::shared().await;
    let alice = world.user("alice");
    let origin = ("origin", "https://evil.example");

    let created = send_with(&alice, Method::POST, "/api/tasks", &[origin], r#"{"title":"x"}"#).await;
    let path = format!("/api/tasks/{}", created.json()["id"]);
    let deleted = send_with(&alice, Method::DELETE, &path, &[origin], "").await;

    assert_eq!((created.status(), deleted.status()), (201, 200));
    assert_closed(&created, "POST");
    assert_closed(&deleted, "DELETE");
}

#[tokio::test]
async fn each_listed_origin_is_echoed() {
    let origins = "https://tasks.example, http://localhost:5173,https://B.example/";
    let world = World::with(&[("CORS_ORIGINS", origins)]).await;
    let anonymous = world.anonymous();

    for origin in ["https://tasks.example", "http://localhost:5173", "https://b.example"] {
        let answer = send_with(&anonymous, Method::GET, "/api/tasks", &[("origin", origin)], "").await;
        assert_open(&answer, origin, origin);
        assert_open(&preflight(&anonymous, "/api/tasks", origin).await, origin, origin);
    }
    for origin in [LISTED, "https://tasks.example:8443", "http://tasks.example", origins] {
        let answer = send_with(&anonymous, Method::GET, "/api/tasks", &[("origin", origin)], "").await;
        assert_closed(&answer, origin);
        assert_closed(&preflight(&anonymous, "/api/tasks", origin).await, origin);
    }
}

#[tokio::test]
async fn a_preflight_is_answered_alike_with_and_without_a_token() {
    let world = World::shared().await;

    for person in [world.user("alice"), world.anonymous(), bearer(&world, "nonsense")] {
        let answer = preflight(&person, "/api/alice/tasks/7", LISTED).await;

        assert_eq!(answer.status(), 204);
        assert_open(&answer, LISTED, "preflight");
    }
}

/// Sends a preflight that asks for these request headers.
async fn preflight_for(person: &Person, requested: &str) -> Answer {
    let headers = [
        ("origin", LISTED),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", requested),
    ];
    send_with(person, Method::OPTIONS, "/api/tasks", &headers, "").await
}

#[tokio::test]
async fn a_preflight_gets_the_headers_that_it_asks_for() {
    let world = World::shared().await;
    let requested = "authorization,baggage,content-type,sentry-trace,traceparent,X-Requested-With";

    let answer = preflight_for(&world.anonymous(), requested).await;

    let wanted = "authorization, content-type, baggage, sentry-trace, traceparent, x-requested-with";
    assert_eq!(answer.header("access-control-allow-headers"), wanted);
    let vary: Vec<_> = answer.headers.get_all("vary").iter().collect();
    assert_eq!(vary, ["Origin, Access-Control-Request-Headers"]);
}

#[tokio::test]
async fn a_preflight_gets_only_names_of_headers_and_not_too_many() {
    let world = World::shared().await;
    let many = (0..1000).map(|number| format!("x-header-{number}")).collect::<Vec<_>>().join(",");

    for (requested, wanted) in [
        ("", ""),
        ("*", ""),
        (",, ,", ""),
        ("x-good, x bad, \"x\", x:y, <x>, x-good, *, x-better", ", x-good, x-better"),
        ("content-type, Content-Type", ""),
        (many.as_str(), ""),
    ] {
        let answer = preflight_for(&world.anonymous(), requested).await;

        assert_eq!(answer.status(), 204, "{requested}");
        let allowed = format!("authorization, content-type{wanted}");
        assert_eq!(answer.header("access-control-allow-headers"), allowed, "{requested}");
    }
}
