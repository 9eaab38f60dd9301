//! Lists that fail after their first page: no client can take a part for the whole list.

use std::io::ErrorKind;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::reader::Reader;
use super::{add_tasks, with_proxy};
use crate::operation::database_proxy::Proxy;
use crate::operation::raw_client::head;
use crate::world::{World, try_send};

/// Failures of the database between the first page and the second.
const FAILURES: [(&str, &str); 3] = [
    (
        "the connection is lost",
        "select pg_terminate_backend(pid, 5000) from pg_stat_activity
          where datname = current_database() and usename = 'rowkeep_login'",
    ),
    ("the table stays locked", "begin; lock table app.tasks in access exclusive mode"),
    ("the query fails", "revoke select on app.tasks from rowkeep_api"),
];

const REPAIR: &str = "rollback; grant select on app.tasks to rowkeep_api";

async fn list() -> (World, Proxy) {
    list_with(("LIST_ENVELOPE", "")).await
}

async fn list_with(setting: (&str, &str)) -> (World, Proxy) {
    with_proxy(1000, 10, &[("REQUEST_TIMEOUT", "4"), setting]).await
}

/// An outage is logged as a warning, a bug as an error.
async fn is_logged(world: &World, level: &str) {
    let ended_early = |event: &Value| {
        event["message"] == "a list ended before its last page" && event["log.level"] == level
    };
    world.server.logs(|event| ended_early(event) && event["error.message"].is_string()).await;
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_list_that_fails_after_its_first_page_breaks_the_connection() {
    let (world, proxy) = list().await;
    let admin = world.database.superuser().await;
    for (what, failure) in FAILURES {
        for path in ["/api/tasks", "/api/alice/tasks"] {
            proxy.lets_through(1);
            let mut reader = Reader::of(world.server.address, path, "alice").await;
            reader.begins().await;
            proxy.holds_a_message().await;

            admin.batch_execute(failure).await.expect(what);
            proxy.lets_everything_through();

            reader.ends().await.assert_incomplete();
            admin.batch_execute(REPAIR).await.expect("a repair");
            assert_eq!(world.user("bob").get("/api/tasks").await.status(), 200, "{what}: the next request");
        }
    }
    is_logged(&world, "warn").await;
    is_logged(&world, "error").await;
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_list_in_an_envelope_that_fails_has_neither_its_number_nor_its_end() {
    let (world, proxy) = list_with(("LIST_ENVELOPE", "user_tasks=tasks,count; tasks=items,total")).await;
    let admin = world.database.superuser().await;
    for (path, beginning, number) in
        [("/api/tasks", "{\"items\":[{", "\"total\""), ("/api/alice/tasks", "{\"tasks\":[{", "\"count\"")]
    {
        proxy.lets_through(1);
        let mut reader = Reader::of(world.server.address, path, "alice").await;
        reader.begins().await;
        proxy.holds_a_message().await;

        admin.batch_execute(FAILURES[2].1).await.expect("a failure");
        proxy.lets_everything_through();

        let received = reader.ends().await;
        received.assert_incomplete();
        let body = String::from_utf8_lossy(&received.body);
        assert!(body.starts_with(beginning) && !body.contains(number), "{path}: {} bytes", body.len());
        admin.batch_execute(REPAIR).await.expect("a repair");
        assert_eq!(world.user("bob").get("/api/tasks").await.status(), 200, "{path}: the next request");
    }
}

/// The same with an ordinary HTTP client.
#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn an_http_client_reports_an_incomplete_list_as_an_error() {
    let (world, proxy) = list().await;
    let admin = world.database.superuser().await;
    let alice = world.user("alice");
    proxy.lets_through(1);
    let request = alice.request(http::Method::GET, "/api/tasks", "");
    let list = tokio::spawn(try_send(world.server.address, request));
    world.server.logs(|event| event["message"] == "answered" && event["url.path"] == "/api/tasks").await;
    proxy.holds_a_message().await;

    admin.batch_execute(FAILURES[0].1).await.expect("the end of the connections");
    proxy.lets_everything_through();

    let answer = list.await.expect("no panic");
    assert!(answer.is_err(), "{answer:?}");
    is_logged(&world, "warn").await;
    assert_eq!(alice.get("/api/tasks").await.ids().len(), 1000);
}

/// In HTTP/1.0 the end of the connection is the end of the body, so the server must reset the connection.
#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn an_http_1_0_client_sees_a_reset_connection() {
    let (world, proxy) = list().await;
    let admin = world.database.superuser().await;
    proxy.lets_through(1);
    let mut stream = TcpStream::connect(world.server.address).await.expect("a connection");
    let request = head("GET", "/api/tasks", "alice").replace("HTTP/1.1", "HTTP/1.0");
    stream.write_all(format!("{request}\r\n").as_bytes()).await.expect("a request");
    let mut beginning = [0; 12];
    stream.read_exact(&mut beginning).await.expect("a status");
    proxy.holds_a_message().await;

    admin.batch_execute(FAILURES[0].1).await.expect("the end of the connections");
    proxy.lets_everything_through();

    let mut rest = Vec::new();
    let ended = stream.read_to_end(&mut rest).await;
    assert!(beginning.ends_with(b"200"), "{beginning:?}");
    assert!(ended.is_err_and(|error| error.kind() == ErrorKind::ConnectionReset), "{} bytes", rest.len());
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_list_whose_first_page_fails_is_answered_with_an_error() {
    let world = World::with(&[("REQUEST_TIMEOUT", "4")]).await;
    let admin = add_tasks(&world.database, "alice", 1000, 10).await;
    let alice = world.user("alice");

    for (what, failure, status) in [(FAILURES[1].0, FAILURES[1].1, 503), (FAILURES[2].0, FAILURES[2].1, 500)]
    {
        admin.batch_execute(failure).await.expect(what);
        for path in ["/api/tasks", "/api/alice/tasks", "/api/tasks?status=pending"] {
            let answer = alice.get(path).await;

            assert_eq!(answer.status(), status, "{what}, {path}: {answer:?}");
            assert!(!answer.detail().is_empty(), "{what}, {path}");
            assert_eq!(answer.header("retry-after").is_empty(), status == 500, "{what}, {path}");
            assert!(!answer.header("x-request-id").is_empty(), "{what}, {path}");
        }
        admin.batch_execute(REPAIR).await.expect("a repair");
    }
}
