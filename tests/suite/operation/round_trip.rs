//! One round trip to PostgreSQL for each request: counted on the wire, not timed.

use http::Method;
use serde_json::json;

use super::proxy::{Message, Proxy};
use crate::world::{Database, World};

struct Watched {
    world: World,
    proxy: Proxy,
}

/// A server with one connection to PostgreSQL, on which everything is seen.
async fn watched() -> Watched {
    let (database, proxy) = (Database::new().await, Proxy::start().await);
    let url = proxy.url(&database, "rowkeep_login");
    let settings = [("DATABASE_URL", url.as_str()), ("DATABASE_POOL_SIZE", "1"), ("REQUEST_TIMEOUT", "4")];
    Watched { world: World::on(database, &settings).await, proxy }
}

/// The text of a file below `sql/`.
fn sql(name: &str) -> String {
    let path = format!("{}/sql/{name}.sql", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).expect("a file")
}

/// Every kind of question of every contract: `{id}` is a task that is there.
const REQUESTS: &[(&str, &str, &str, &str)] = &[
    ("GET", "/api/tasks", "", "tasks/list"),
    ("GET", "/api/tasks?status=pending", "", "tasks/list_pending"),
    ("GET", "/api/tasks?status=completed", "", "tasks/list_completed"),
    ("POST", "/api/tasks", r#"{"title":"two"}"#, "tasks/create"),
    ("GET", "/api/tasks/{id}", "", "tasks/read"),
    ("PUT", "/api/tasks/{id}", r#"{"title":"three"}"#, "tasks/replace"),
    ("PATCH", "/api/tasks/{id}/complete", r#"{"completed":true}"#, "tasks/complete"),
    ("GET", "/api/alice/tasks", "", "tasks/list"),
    ("GET", "/api/alice/tasks?status=pending", "", "tasks/list_pending"),
    ("GET", "/api/alice/tasks?status=completed", "", "tasks/list_completed"),
    ("POST", "/api/alice/tasks", r#"{"title":"two"}"#, "tasks/create"),
    ("GET", "/api/alice/tasks/{id}", "", "tasks/read"),
    ("PUT", "/api/alice/tasks/{id}", r#"{"title":"four"}"#, "tasks/replace"),
    ("PATCH", "/api/alice/tasks/{id}", r#"{"completed":false}"#, "tasks/complete"),
    ("PATCH", "/api/alice/tasks/{id}/complete", "", "tasks/toggle"),
    ("POST", "/api/v1/tasks", r#"{"title":"two"}"#, "tasks/create"),
    ("GET", "/api/v1/tasks/{id}", "", "tasks/read"),
    ("PUT", "/api/v1/tasks/{id}", r#"{"title":"five"}"#, "tasks/replace"),
    ("PATCH", "/api/v1/tasks/{id}/toggle", "", "tasks/toggle"),
    ("DELETE", "/api/v1/tasks/{id}", "", "tasks/delete"),
];

#[tokio::test]
async fn every_question_is_answered_though_no_byte_comes_back_before_its_commit_is_sent() {
    let Watched { world, proxy } = watched().await;
    let alice = world.user("alice");
    let id = alice.creates(json!({ "title": "one" })).await["id"].to_string();

    for (method, path, body, question) in REQUESTS {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        proxy.withhold_answers_until(4);

        let answer = alice.send(method.clone(), &path.replace("{id}", &id), *body).await;

        assert!(answer.status.is_success(), "{method} {path}: {answer:?}");
        let reads = method == Method::GET;
        let begin = if reads { "session/begin_read" } else { "session/begin" };
        let frames = [begin, "session/identify", question, "session/commit"];
        let wanted: Vec<_> = frames.into_iter().flat_map(asked).collect();
        assert_eq!(proxy.messages(), wanted, "{method} {path}");
    }
}

/// Bind, Execute and Sync of a statement that was prepared before.
fn asked(name: &str) -> [Message; 3] {
    let nothing = |kind| Message { kind, sql: String::new() };
    [Message { kind: 'B', sql: sql(name) }, nothing('E'), nothing('S')]
}

#[tokio::test]
async fn a_connection_that_is_used_again_is_not_asked_whether_it_is_there() {
    let Watched { world, proxy } = watched().await;
    let (alice, bob) = (world.user("alice"), world.user("bob"));
    proxy.withhold_answers_until(0);

    for _ in 0..3 {
        alice.get("/api/tasks").await;
        bob.get("/api/tasks/7").await;
    }

    let kinds: String = proxy.messages().iter().map(|message| message.kind).collect();
    assert_eq!(kinds, "BESBESBESBES".repeat(6));
}

#[tokio::test]
async fn a_value_that_is_refused_costs_no_second_round_trip() {
    let Watched { world, proxy } = watched().await;
    let alice = world.user("alice");
    proxy.withhold_answers_until(4);

    let answer = alice.post("/api/tasks", json!({ "title": " " })).await;

    assert_eq!(answer.status(), 400);
    let kinds: String = proxy.messages().iter().map(|message| message.kind).collect();
    assert_eq!(kinds, "BESBESBESBES");
}

#[tokio::test]
async fn whoever_is_refused_before_the_database_costs_it_nothing() {
    let Watched { world, proxy } = watched().await;
    let (stranger, alice) = (world.stranger(), world.user("alice"));
    proxy.withhold_answers_until(0);

    stranger.get("/api/tasks").await;
    stranger.post("/api/v1/tasks", json!({ "title": "mine" })).await;
    alice.get("/api/bob/tasks").await;
    alice.get("/api/tasks/abc").await;
    alice.send(Method::POST, "/api/tasks", "{").await;

    assert_eq!(proxy.messages(), []);
}
