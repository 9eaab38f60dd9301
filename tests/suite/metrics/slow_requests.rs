//! `SLOW_REQUEST_MS`: a line in the log for each slow request, with the time of its parts.

use std::time::Duration;

use serde_json::{Value, json};
use tokio_postgres::Client;

use super::scrape::{Scrape, Watched};
use crate::operation::overload::eventually;
use crate::operation::raw_client::{RawClient, head, request};
use crate::operation::whole_lists::add_tasks;
use crate::operation::whole_lists::reader::Reader;

/// The shortest time that the tests make a part take, in milliseconds.
const SLOW: u64 = 400;

const SETTINGS: [(&str, &str); 2] = [("SLOW_REQUEST_MS", "300"), ("DATABASE_POOL_SIZE", "2")];

fn pause() -> impl Future<Output = ()> {
    tokio::time::sleep(Duration::from_millis(SLOW))
}

/// The line about the slow request with this method.
async fn line(watched: &Watched, method: &str) -> Value {
    let is_line =
        |event: &Value| event["message"] == "slow request" && event["http.request.method"] == method;
    watched.world.server.logs(is_line).await
}

/// Asserts that this part took as long as the test has made it take, and that no time is in two parts.
fn assert_slow_part(line: &Value, part: &str) {
    let time = |part: &str| line[format!("rowkeep.{part}_ms")].as_u64();
    assert!(time(part).unwrap_or_else(|| panic!("{line}")) >= SLOW, "{part}: {line}");
    let parts = ["body", "turn", "connection", "database", "answer"];
    let sum: u64 = parts.into_iter().filter_map(time).sum();
    assert!(sum * 1_000_000 <= line["event.duration"].as_u64().expect("nanoseconds"), "{line}");
}

/// A lock of the table of tasks. Changes wait for it, and lists do not.
struct Lock(Client);

impl Lock {
    async fn of_changes(watched: &Watched) -> Self {
        let client = watched.world.database.superuser().await;
        client.batch_execute("begin; lock table app.tasks in share mode").await.expect("a lock");
        Self(client)
    }

    /// Waits until a statement waits for it.
    async fn is_waited_for(&self) {
        let blocked = "select from pg_locks join pg_database on pg_database.oid = database
                        where datname = current_database() and not granted";
        let is_blocked = async || !self.0.query(blocked, &[]).await.expect("locks").is_empty();
        eventually("a statement waits for a lock", is_blocked).await;
    }

    async fn ends(&self) {
        self.0.batch_execute("rollback").await.expect("no lock any more");
    }
}

/// Waits until a request waits for its turn.
async fn waits_for_turn(watched: &Watched) {
    let waits = |scrape: &Scrape| scrape.value("rowkeep_pool_waiting", &[]) == 1.0;
    watched.eventually("a request waits for its turn", waits).await;
}

/// A request whose body the server waits for. It has the head by then.
async fn waits_for_body(watched: &Watched, head: String, length: usize) -> RawClient {
    let text = format!(
        "{head}Content-Type: application/json\r\nContent-Length: {length}\r\nExpect: 100-continue\r\n\r\n"
    );
    let mut client = RawClient::sending(watched.world.server.address, text).await;
    assert_eq!(client.reads().await.status, 100);
    client
}

fn counted(scrape: &Scrape) -> f64 {
    scrape.value("rowkeep_slow_requests_total", &[])
}

#[tokio::test]
async fn a_request_that_waits_for_its_body_says_so_with_its_route_status_and_id() {
    let watched = Watched::patient(&SETTINGS).await;
    let body = r#"{"title":"one"}"#;
    let head = head("POST", "/api/tasks", "alice") + "X-Request-Id: slow-1\r\n";
    let mut client = waits_for_body(&watched, head, body.len()).await;
    pause().await;
    client.sends(body).await;
    assert_eq!(client.reads().await.status, 201);

    let line = line(&watched, "POST").await;

    assert_slow_part(&line, "body");
    assert_eq!(
        [
            &line["log.level"],
            &line["http.request.id"],
            &line["http.route"],
            &line["http.response.status_code"]
        ],
        [&json!("warn"), &json!("slow-1"), &json!("/api/tasks"), &json!(201)],
        "{line}"
    );
    assert!(!line.to_string().contains("alice"), "{line}");
    assert_eq!(counted(&watched.scrape().await), 1.0);
}

#[tokio::test]
async fn one_that_waits_in_postgres_and_one_that_waits_for_its_turn_say_so() {
    let watched = Watched::patient(&SETTINGS).await;
    let alice = watched.world.user("alice");
    let task = alice.creates(json!({ "title": "one" })).await;
    let path = format!("/api/tasks/{}", task["id"]);
    let lock = Lock::of_changes(&watched).await;

    let change = alice.put(&path, json!({ "title": "two" }));
    let list = async {
        lock.is_waited_for().await;
        alice.get("/api/tasks").await
    };
    let unlock = async {
        waits_for_turn(&watched).await;
        pause().await;
        lock.ends().await;
    };
    let (change, list, ()) = tokio::join!(change, list, unlock);

    assert_eq!((change.status(), list.status()), (200, 200));
    assert_slow_part(&line(&watched, "PUT").await, "database");
    assert_slow_part(&line(&watched, "GET").await, "turn");
}

#[tokio::test]
async fn one_that_waits_for_a_connection_says_so() {
    let watched = Watched::patient(&[&SETTINGS[..], &[("DATABASE_POOL_MIN_IDLE", "0")]].concat()).await;
    let name = watched.world.database.name.clone();
    let superuser = watched.world.database.superuser().await;
    let limit = async |limit: i32| {
        superuser
            .batch_execute(&format!("alter database {name} connection limit {limit}"))
            .await
            .expect("a limit");
    };
    // A superuser is not limited.
    limit(0).await;
    let ends = "select pg_terminate_backend(pid, 5000) from pg_stat_activity
                 where usename = 'rowkeep_login' and datname = current_database()";
    superuser.batch_execute(ends).await.expect("ended");

    let alice = watched.world.user("alice");
    // The first may get a connection whose end the server has not noticed yet, which is a 503 at once.
    let asks = async { while alice.get("/api/tasks").await.status() != 200 {} };
    tokio::join!(asks, async {
        let fails = |scrape: &Scrape| scrape.value("rowkeep_pool_connect_failures_total", &[]) >= 1.0;
        watched.eventually("no connection can be opened", fails).await;
        pause().await;
        limit(-1).await;
    });

    let is_line =
        |event: &Value| event["message"] == "slow request" && event["http.response.status_code"] == 200;
    assert_slow_part(&watched.world.server.logs(is_line).await, "connection");
}

#[tokio::test]
async fn one_whose_client_reads_slowly_says_so() {
    let watched = Watched::patient(&SETTINGS).await;
    add_tasks(&watched.world.database, "alice", 1000, 1000).await;
    let mut reader = Reader::of(watched.world.server.address, "/api/v1/tasks?limit=1000", "alice").await;
    reader.begins().await;
    pause().await;
    reader.reads(10_000_000).await;

    let line = line(&watched, "GET").await;

    assert_slow_part(&line, "answer");
    assert_eq!(line["http.route"], "/api/v1/tasks", "{line}");
}

/// One waits in Postgres, where its change goes on, and one for its turn, so that nothing of it happens.
#[tokio::test]
async fn one_whose_client_leaves_has_a_line_without_a_status() {
    let watched = Watched::patient(&SETTINGS).await;
    let task = watched.world.user("alice").creates(json!({ "title": "one" })).await;
    let path = format!("/api/tasks/{}", task["id"]);
    let lock = Lock::of_changes(&watched).await;
    let sends = async |method, body| {
        RawClient::sending(watched.world.server.address, request(method, &path, "alice", body)).await
    };
    let running = sends("PUT", r#"{"title":"two"}"#).await;
    lock.is_waited_for().await;
    let waiting = sends("DELETE", "").await;
    waits_for_turn(&watched).await;
    pause().await;

    drop((running, waiting));

    let of_waiting = line(&watched, "DELETE").await;
    assert_slow_part(&of_waiting, "turn");
    let both_left = |scrape: &Scrape| scrape.value("rowkeep_http_connections", &[]) == 0.0;
    watched.eventually("the server knows that both have left", both_left).await;
    lock.ends().await;
    let of_running = line(&watched, "PUT").await;
    assert_slow_part(&of_running, "database");
    for line in [of_waiting, of_running] {
        assert_eq!(line["http.route"], "/api/tasks/{id}", "{line}");
        for member in ["http.response.status_code", "rowkeep.answer_ms"] {
            assert!(line.get(member).is_none(), "{member}: {line}");
        }
    }
}

/// A client that closes only its sending side can still read its answer, and to the server one that leaves looks the same.
#[tokio::test]
async fn one_whose_body_ends_in_the_middle_has_the_status_of_its_answer() {
    let watched = Watched::patient(&SETTINGS).await;
    let mut client = waits_for_body(&watched, head("PATCH", "/api/tasks/7", "alice"), 40).await;
    client.sends("{").await;
    pause().await;

    client.shuts_down_after(Duration::ZERO).await;

    assert_eq!(client.reads().await.status, 400);
    let line = line(&watched, "PATCH").await;
    assert_slow_part(&line, "body");
    assert_eq!(line["http.response.status_code"], 400, "{line}");
    let labels = [("route", "/api/tasks/{id}"), ("method", "PATCH"), ("status", "400")];
    assert_eq!(watched.scrape().await.sum("rowkeep_http_requests_total", &labels), 1.0);
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_request_under_the_limit_has_no_line_and_without_the_setting_none_has() {
    for settings in [&[("SLOW_REQUEST_MS", "60000")][..], &[("SLOW_REQUEST_MS", "0")], &[]] {
        let watched = Watched::with(settings).await;
        let body = r#"{"title":"one"}"#;
        let mut client = waits_for_body(&watched, head("POST", "/api/tasks", "alice"), body.len()).await;
        pause().await;
        client.sends(body).await;
        assert_eq!(client.reads().await.status, 201);

        let scrape = watched.scrape().await;

        assert_eq!(counted(&scrape), 0.0, "{settings:?}");
        let lines = watched.world.server.log();
        assert!(!lines.iter().any(|line| line.contains("\"slow request\"")), "{settings:?}");
    }
}

/// Where the database is slow, every request is: the log must not flood.
#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn hundreds_of_slow_requests_have_few_lines_and_are_all_counted() {
    let watched = Watched::patient(&[("SLOW_REQUEST_MS", "1"), ("LOG_LEVEL", "info")]).await;
    let lock = watched.world.database.superuser().await;
    lock.batch_execute("begin; lock table app.tasks in access exclusive mode").await.expect("a lock");
    let address = watched.world.server.address;
    // Seven have a connection, and the others wait.
    let readers: Vec<_> = (0..400)
        .map(|user| {
            let person = crate::world::Person::new(address, &format!("user {user}"));
            tokio::spawn(async move { person.get("/api/tasks").await.status() })
        })
        .collect();
    watched.eventually("they wait", |scrape| scrape.value("rowkeep_pool_waiting", &[]) == 393.0).await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    lock.batch_execute("rollback").await.expect("no lock any more");
    for reader in readers {
        assert_eq!(reader.await.expect("an answer"), 200);
    }

    watched.eventually("all are counted", |scrape| counted(scrape) == 400.0).await;

    let log = watched.world.server.log();
    let lines = log.iter().filter(|line| line.contains("\"slow request\"")).count();
    assert!((100..150).contains(&lines), "{lines} lines");
}
