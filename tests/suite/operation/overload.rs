//! More requests than the database can answer: waits are bounded, answers say 503, and no restart is needed.

use std::time::Duration;

use futures_util::future::join_all;
use http::Method;
use serde_json::{Value, json};
use tokio::time::timeout;
use tokio_postgres::Client;

use super::database_proxy::Proxy;
use super::health::next_health;
use crate::world::{Answer, Database, Person, SECRET, Server, World};

/// Locks every row of app.tasks, until the client is dropped.
async fn locks_every_row(database: &Database) -> Client {
    let client = database.superuser().await;
    client.batch_execute("begin; select from app.tasks for update").await.expect("locks");
    client
}

/// Asserts that an answer is a 503 with Retry-After, and reveals nothing of the server.
fn assert_unavailable(answer: &Answer) {
    assert_eq!(answer.status(), 503, "{answer:?}");
    assert!(!answer.header("retry-after").is_empty(), "{answer:?}");
    assert!(!answer.header("x-request-id").is_empty(), "{answer:?}");
    let text = String::from_utf8_lossy(&answer.body).to_lowercase();
    for inner in
        ["postgres", "lock", "sql", "57014", "55p03", "statement", "rowkeep", "app.", "socket", "host"]
    {
        assert!(!text.contains(inner), "{text}");
    }
}

/// Waits until `holds` is true, for a minute at most.
pub async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let wait = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(Duration::from_secs(60), wait).await.unwrap_or_else(|_| panic!("not in a minute: {what}"));
}

#[tokio::test]
async fn requests_that_get_no_connection_in_time_are_answered_with_503() {
    let world = World::with(&[("DATABASE_POOL_SIZE", "2"), ("REQUEST_TIMEOUT", "2")]).await;
    let (alice, bob) = (world.user("alice"), world.user("bob"));
    let task = alice.creates(json!({ "title": "one" })).await;
    let path = format!("/api/tasks/{}", task["id"]);
    let _held = locks_every_row(&world.database).await;

    let body = json!({ "title": "two" });
    let writers = join_all((0..6).map(|_| alice.put(&path, body.clone())));
    let readers = async {
        world
            .server
            .logs(|event| event["message"] == "answered" && event["http.response.status_code"] == 503)
            .await;
        join_all((0..4).map(|_| bob.get("/api/tasks"))).await
    };
    let (writers, _readers) = tokio::join!(writers, readers);

    writers.iter().for_each(assert_unavailable);
}

#[tokio::test]
async fn after_a_lock_is_released_requests_work_without_a_restart() {
    let world = World::with(&[("DATABASE_POOL_SIZE", "2"), ("REQUEST_TIMEOUT", "2")]).await;
    let (alice, bob) = (world.user("alice"), world.user("bob"));
    let task = alice.creates(json!({ "title": "one" })).await;
    let path = format!("/api/tasks/{}", task["id"]);
    let held = locks_every_row(&world.database).await;
    let body = json!({ "title": "two" });
    join_all((0..6).map(|_| alice.put(&path, body.clone()))).await;

    drop(held);

    eventually("a write", async || alice.put(&path, json!({ "title": "three" })).await.status() == 200).await;
    assert_eq!(bob.get("/api/tasks").await.json(), json!([]));
    assert_eq!(alice.reads(&task["id"]).await["title"], "three");
}

#[tokio::test]
async fn a_write_that_was_answered_with_503_does_not_happen_later() {
    let world = World::with(&[("REQUEST_TIMEOUT", "2")]).await;
    let alice = world.user("alice");
    let task = alice.creates(json!({ "title": "one" })).await;
    let path = format!("/api/tasks/{}", task["id"]);
    let held = locks_every_row(&world.database).await;
    assert_unavailable(&alice.put(&path, json!({ "title": "two" })).await);

    held.batch_execute("rollback").await.expect("no lock any more");

    // Locks are granted in order: a write that still waited for the row would come first.
    let _after = locks_every_row(&world.database).await;
    assert_eq!(alice.reads(&task["id"]).await["title"], "one");
}

#[tokio::test]
async fn the_logins_lock_timeout_ends_a_statement_that_waits_for_a_lock() {
    let world = World::with(&[("REQUEST_TIMEOUT", "60")]).await;
    let alice = world.user("alice");
    let task = alice.creates(json!({ "title": "one" })).await;
    let _held = locks_every_row(&world.database).await;

    let answer = alice.put(&format!("/api/tasks/{}", task["id"]), json!({ "title": "two" })).await;

    assert_unavailable(&answer);
    world.server.logs(|event| text(&event["error.message"]).starts_with("55P03")).await;
}

#[tokio::test]
async fn a_login_without_timeouts_gets_those_of_the_server() {
    let database = Database::new().await;
    let url = database.url("postgres");
    let world = World::on(database, &[("DATABASE_URL", &url), ("REQUEST_TIMEOUT", "2")]).await;
    let alice = world.user("alice");
    let task = alice.creates(json!({ "title": "one" })).await;
    let _held = locks_every_row(&world.database).await;

    let answer = alice.put(&format!("/api/tasks/{}", task["id"]), json!({ "title": "two" })).await;

    assert_unavailable(&answer);
    let ended =
        |event: &Value| ["55P03", "57014"].iter().any(|code| text(&event["error.message"]).starts_with(code));
    world.server.logs(ended).await;
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[tokio::test]
async fn after_its_sessions_are_terminated_the_server_opens_others_and_mixes_up_no_users() {
    let world = World::new().await;
    let users: Vec<_> = (0..4).map(|number| world.user(&format!("user {number}"))).collect();
    for user in &users {
        user.creates(json!({ "title": user.id })).await;
    }
    let superuser = world.database.superuser().await;
    let terminate = "select pg_terminate_backend(pid, 5000) from pg_stat_activity
                      where datname = current_database() and usename = 'rowkeep_login'";

    let reading = join_all(users.iter().map(async |user| {
        for _ in 0..60 {
            let answer = user.get("/api/tasks").await;
            if answer.status() == 503 {
                assert_unavailable(&answer);
            } else {
                assert_eq!(answer.json()[0]["title"], user.id.as_str(), "{answer:?}");
            }
        }
    }));
    let terminating = async {
        for _ in 0..10 {
            superuser.query(terminate, &[]).await.expect("rows");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::join!(reading, terminating);

    for user in &users {
        eventually("an answer", async || user.get("/api/tasks").await.status() == 200).await;
    }
}

#[tokio::test]
async fn a_silent_database_is_a_503_and_its_connections_are_replaced() {
    let (database, proxy) = (Database::new().await, Proxy::start().await);
    let url = proxy.url(&database, "rowkeep_login");
    let settings = [("DATABASE_URL", url.as_str()), ("DATABASE_POOL_SIZE", "2"), ("REQUEST_TIMEOUT", "3")];
    let world = World::on(database, &settings).await;
    let alice = world.user("alice");
    let task = alice.creates(json!({ "title": "one" })).await;

    proxy.falls_silent();
    let answers = join_all((0..8).map(|_| alice.get("/api/tasks"))).await;
    join_all((0..8).map(|_| alice.get("/api/tasks"))).await;
    proxy.speaks_again();

    answers.iter().for_each(assert_unavailable);
    eventually("an answer", async || alice.get("/api/tasks").await.status() == 200).await;
    assert_eq!(alice.reads(&task["id"]).await["title"], "one");
}

/// Outside development the server waits for its database. It refuses what needs the database, and nothing before that.
#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_server_whose_database_is_silent_at_start_waits_and_refuses_meanwhile() {
    let (database, proxy) = (Database::new().await, Proxy::start().await);
    let url = proxy.url(&database, "rowkeep_login");
    proxy.falls_silent();

    let settings = [("DATABASE_URL", url.as_str()), ("BETTER_AUTH_SECRET", SECRET)];
    let server = Server::start_listening(&settings).await.expect("a server");
    let (alice, anonymous) = (Person::new(server.address, "alice"), Person::with_token(server.address, None));

    for (person, path, status) in [
        (&anonymous, "/health", 503),
        (&anonymous, "/live", 200),
        (&anonymous, "/nothing", 404),
        (&anonymous, "/api/tasks", 401),
        (&alice, "/api/bob/tasks", 403),
        (&alice, "/api/alice/tasks", 503),
        (&alice, "/api/tasks", 503),
        (&alice, "/api/v1/tasks", 503),
    ] {
        assert_eq!(person.get(path).await.status(), status, "{path}");
    }
    assert_unavailable(&alice.post("/api/tasks", json!({ "title": "one" })).await);
    assert_eq!(alice.put("/api/tasks", json!({})).await.status(), 405);
    proxy.speaks_again();
    eventually("an answer", async || alice.get("/api/tasks").await.status() == 200).await;
    assert_eq!(next_health(&anonymous).await.status(), 200);
}

#[tokio::test]
async fn a_read_only_database_answers_reads_and_writes_get_503() {
    let world = World::with(&[("DATABASE_POOL_SIZE", "2")]).await;
    let alice = world.user("alice");
    let task = alice.creates(json!({ "title": "one" })).await;
    let name = &world.database.name;
    let superuser = world.database.superuser().await;
    superuser
        .batch_execute(&format!(
            "alter database {name} set default_transaction_read_only = on;
             select pg_terminate_backend(pid, 5000) from pg_stat_activity where usename = 'rowkeep_login' and datname = '{name}'"
        ))
        .await
        .expect("a read-only database");

    eventually("a read", async || alice.get("/api/tasks").await.status() == 200).await;

    let one = format!("/api/v1/tasks/{}", task["id"]);
    assert_eq!(alice.get(&one).await.json(), task);
    for (method, path) in [
        (Method::POST, "/api/v1/tasks".to_owned()),
        (Method::PUT, one.clone()),
        (Method::PATCH, format!("{one}/toggle")),
        (Method::DELETE, one.clone()),
    ] {
        assert_unavailable(&alice.send(method, &path, r#"{"title":"two"}"#).await);
    }
}
