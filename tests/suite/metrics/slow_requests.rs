//! `SLOW_REQUEST_MS`: a line in the log for each slow request, with the time of its parts.

use std::time::Duration;

use serde_json::{Value, json};

use super::scrape::Watched;
use crate::operation::raw_client::{RawClient, head};
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

/// The part of a line that took longest. The other parts of a request on a busy machine take long, too.
fn slowest(line: &Value) -> &'static str {
    let parts = ["body", "turn", "connection", "database", "answer"];
    let time = |part: &&str| line[format!("rowkeep.{part}_ms")].as_u64().unwrap_or_else(|| panic!("{line}"));
    let slowest = parts.into_iter().max_by_key(time).expect("parts");
    assert!(time(&slowest) >= SLOW / 2, "{line}");
    slowest
}

fn counted(scrape: &super::scrape::Scrape) -> f64 {
    scrape.value("rowkeep_slow_requests_total", &[])
}

#[tokio::test]
async fn a_request_that_waits_for_its_body_says_so_with_its_route_status_and_id() {
    let watched = Watched::patient(&SETTINGS).await;
    let body = r#"{"title":"one"}"#;
    let head =
        head("POST", "/api/tasks", "alice") + "X-Request-Id: slow-1\r\nContent-Type: application/json\r\n";
    let text = format!("{head}Content-Length: {}\r\n\r\n", body.len());
    let mut client = RawClient::sending(watched.world.server.address, text).await;
    pause().await;
    client.sends(body).await;
    assert_eq!(client.reads().await.status, 201);

    let line = line(&watched, "POST").await;

    assert_eq!(slowest(&line), "body", "{line}");
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
    assert!(line["event.duration"].as_u64().expect("nanoseconds") >= SLOW * 1_000_000, "{line}");
    assert!(!line.to_string().contains("alice"), "{line}");
    assert_eq!(counted(&watched.scrape().await), 1.0);
}

#[tokio::test]
async fn one_that_waits_in_postgres_and_one_that_waits_for_its_turn_say_so() {
    let watched = Watched::patient(&SETTINGS).await;
    let alice = watched.world.user("alice");
    let task = alice.creates(json!({ "title": "one" })).await;
    let path = format!("/api/tasks/{}", task["id"]);
    let lock = watched.world.database.superuser().await;
    lock.batch_execute("begin; select from app.tasks for update").await.expect("locks");

    let waiting = async |number: f64| {
        let holds = |scrape: &super::scrape::Scrape| scrape.value("rowkeep_pool_waiting", &[]) == number;
        watched.eventually("a request waits", holds).await;
    };
    let change = alice.put(&path, json!({ "title": "two" }));
    let list = async {
        watched
            .eventually("the change runs", |scrape| {
                scrape.value("rowkeep_pool_connections", &[("state", "in_use")]) == 1.0
            })
            .await;
        alice.get("/api/tasks").await
    };
    let unlock = async {
        waiting(1.0).await;
        pause().await;
        lock.batch_execute("rollback").await.expect("no lock any more");
    };
    let (change, list, ()) = tokio::join!(change, list, unlock);

    assert_eq!((change.status(), list.status()), (200, 200));
    let (change, list) = (line(&watched, "PUT").await, line(&watched, "GET").await);
    assert_eq!((slowest(&change), slowest(&list)), ("database", "turn"), "{change} {list}");
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
    let ends = "select pg_terminate_backend(pid) from pg_stat_activity
                 where usename = 'rowkeep_login' and datname = current_database()";
    superuser.batch_execute(ends).await.expect("ended");
    tokio::time::sleep(Duration::from_millis(100)).await; // until the server has noticed

    let alice = watched.world.user("alice");
    let (answer, ()) = tokio::join!(alice.get("/api/tasks"), async {
        pause().await;
        limit(-1).await;
    });

    assert_eq!(answer.status(), 200);
    let line = line(&watched, "GET").await;
    assert_eq!(slowest(&line), "connection", "{line}");
}

#[tokio::test]
async fn one_whose_client_reads_slowly_says_so() {
    let watched = Watched::patient(&SETTINGS).await;
    let tasks = "
        set session_replication_role = replica;
        insert into app.tasks (user_id, title, description, created_at, updated_at)
        select 'alice', repeat('x', 200), repeat('x', 1000), now(), now() from generate_series(1, 1000);
        reset session_replication_role";
    watched.world.database.superuser().await.batch_execute(tasks).await.expect("tasks");
    let mut reader = Reader::of(watched.world.server.address, "/api/v1/tasks?limit=1000", "alice").await;
    reader.begins().await;
    pause().await;
    reader.reads(10_000_000).await;

    let line = line(&watched, "GET").await;

    assert_eq!(slowest(&line), "answer", "{line}");
    assert_eq!(line["http.route"], "/api/v1/tasks", "{line}");
}

#[tokio::test]
async fn one_whose_client_leaves_has_a_line_without_a_status() {
    let watched = Watched::patient(&SETTINGS).await;
    let half = head("PATCH", "/api/tasks/7", "alice")
        + "Content-Type: application/json\r\nContent-Length: 40\r\n\r\n{";
    let client = RawClient::sending(watched.world.server.address, half).await;
    pause().await;

    drop(client);

    // The client has gone in the middle of its body, so that somebody may or may not have got an answer.
    let line = line(&watched, "PATCH").await;
    assert_eq!(line["http.route"], "/api/tasks/{id}", "{line}");
    assert!(line["event.duration"].as_u64().expect("nanoseconds") >= SLOW * 1_000_000, "{line}");
}

#[tokio::test]
async fn a_request_under_the_limit_has_no_line_and_without_the_setting_none_has() {
    for settings in [&[("SLOW_REQUEST_MS", "60000")][..], &[("SLOW_REQUEST_MS", "0")], &[]] {
        let watched = Watched::with(settings).await;
        let body = r#"{"title":"one"}"#;
        let head = head("POST", "/api/tasks", "alice") + "Content-Type: application/json\r\n";
        let text = format!("{head}Content-Length: {}\r\n\r\n", body.len());
        let mut client = RawClient::sending(watched.world.server.address, text).await;
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
async fn hundreds_of_slow_requests_have_few_lines_and_are_all_counted() {
    let watched = Watched::patient(&[("SLOW_REQUEST_MS", "1"), ("LOG_LEVEL", "info")]).await;
    let lock = watched.world.database.superuser().await;
    lock.batch_execute("begin; lock table app.tasks in access exclusive mode").await.expect("a lock");
    let address = watched.world.server.address;
    let readers: Vec<_> = (0..400)
        .map(|user| {
            let person = crate::world::Person::new(address, &format!("user {user}"));
            tokio::spawn(async move { person.get("/api/tasks").await.status() })
        })
        .collect();
    watched.eventually("they wait", |scrape| scrape.value("rowkeep_pool_waiting", &[]) > 380.0).await;
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
