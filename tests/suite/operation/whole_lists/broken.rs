//! Lists that cannot be finished: nobody takes a part for the whole.

use std::io::ErrorKind;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::reader::Reader;
use super::{has_tasks, with_proxy};
use crate::operation::proxy::Proxy;
use crate::operation::raw::head;
use crate::world::{World, try_send};

/// What happens to the database between the first page and the second.
const FAILURES: [(&str, &str); 3] = [
    (
        "the connection is lost",
        "select pg_terminate_backend(pid, 5000) from pg_stat_activity
          where datname = current_database() and usename = 'rowkeep_login'",
    ),
    ("the table stays locked", "begin; lock table app.tasks in access exclusive mode"),
    ("the question fails", "revoke select on app.tasks from rowkeep_api"),
];

const REPAIR: &str = "rollback; grant select on app.tasks to rowkeep_api";

async fn list() -> (World, Proxy) {
    with_proxy(1000, 10, &[("REQUEST_TIMEOUT", "4")]).await
}

/// What nobody can help is a warning, and what should not be an error.
async fn is_logged(world: &World, level: &str) {
    let broke_off = |event: &Value| event["message"] == "a list broke off" && event["level"] == level;
    world.server.logs(|event| broke_off(event) && event["cause"].is_string()).await;
}

#[tokio::test]
async fn what_fails_half_way_breaks_the_connection() {
    let (world, proxy) = list().await;
    let admin = world.database.superuser().await;
    for (what, failure) in FAILURES {
        for path in ["/api/tasks", "/api/alice/tasks"] {
            proxy.lets_through(1);
            let mut reader = Reader::of(world.server.address, path, "alice").await;
            reader.begins().await;

            admin.batch_execute(failure).await.expect(what);
            proxy.lets_everything_through();

            reader.ends().await.assert_broken();
            admin.batch_execute(REPAIR).await.expect("a repair");
            assert_eq!(world.user("bob").get("/api/tasks").await.status(), 200, "{what}: the next one");
        }
    }
    is_logged(&world, "WARN").await;
    is_logged(&world, "ERROR").await;
}

/// The same, as a client sees it that knows no more than HTTP.
#[tokio::test]
async fn a_client_is_told_that_the_list_is_not_whole() {
    let (world, proxy) = list().await;
    let admin = world.database.superuser().await;
    let alice = world.user("alice");
    proxy.lets_through(1);
    let request = alice.request(http::Method::GET, "/api/tasks", "");
    let list = tokio::spawn(try_send(world.server.address, request));
    world.server.logs(|event| event["message"] == "answered" && event["path"] == "/api/tasks").await;

    admin.batch_execute(FAILURES[0].1).await.expect("the end of the connections");
    proxy.lets_everything_through();

    let told = list.await.expect("no panic");
    assert!(told.is_err(), "{told:?}");
    is_logged(&world, "WARN").await;
    assert_eq!(alice.get("/api/tasks").await.ids().len(), 1000);
}

/// There the end of the connection is the end of the body: it must be no orderly one.
#[tokio::test]
async fn a_client_of_http_1_0_is_told_as_well() {
    let (world, proxy) = list().await;
    let admin = world.database.superuser().await;
    proxy.lets_through(1);
    let mut stream = TcpStream::connect(world.server.address).await.expect("a connection");
    let request = head("GET", "/api/tasks", "alice").replace("HTTP/1.1", "HTTP/1.0");
    stream.write_all(format!("{request}\r\n").as_bytes()).await.expect("a request");
    let mut beginning = [0; 12];
    stream.read_exact(&mut beginning).await.expect("a status");

    admin.batch_execute(FAILURES[0].1).await.expect("the end of the connections");
    proxy.lets_everything_through();

    let mut rest = Vec::new();
    let ended = stream.read_to_end(&mut rest).await;
    assert!(beginning.ends_with(b"200"), "{beginning:?}");
    assert!(ended.is_err_and(|error| error.kind() == ErrorKind::ConnectionReset), "{} bytes", rest.len());
}

#[tokio::test]
async fn a_first_page_that_fails_is_a_refusal() {
    let world = World::with(&[("REQUEST_TIMEOUT", "4")]).await;
    let admin = has_tasks(&world.database, "alice", 1000, 10).await;
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
