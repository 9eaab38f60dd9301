//! Stop signals: requests finish, and the program ends within its timeout.

use std::time::Duration;

use serde_json::json;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::program::Program;
use super::raw_client::{RawClient, head, request};
use crate::world::{Answer, Database, SECRET, World};

/// A server that has got a stop signal while a PUT of alice waits for a lock.
struct Stopping {
    world: World,
    put: tokio::task::JoinHandle<Answer>,
    /// Holds the lock.
    lock: tokio_postgres::Client,
}

impl Stopping {
    async fn after(signal: &str, settings: &[(&str, &str)]) -> Self {
        let database = Database::new().await;
        // The statements of this login have no timeouts.
        let url = database.url("postgres");
        let mut all = vec![("DATABASE_URL", url.as_str()), ("REQUEST_TIMEOUT", "600")];
        all.extend(settings);
        let world = World::on(database, &all).await;
        let alice = world.user("alice");
        let task = alice.creates(json!({ "title": "one" })).await;

        let lock = world.database.superuser().await;
        lock.batch_execute("begin; select from app.tasks for update").await.expect("a lock");
        let path = format!("/api/tasks/{}", task["id"]);
        let put = tokio::spawn(async move { alice.put(&path, json!({ "title": "two" })).await });
        let watch = world.database.superuser().await;
        let waits =
            "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
        until(async || !watch.query(waits, &[]).await.expect("rows").is_empty()).await;

        world.server.signal(signal);
        world.server.logs(|event| event["message"] == "received a stop signal").await;
        Self { world, put, lock }
    }
}

async fn until(mut holds: impl AsyncFnMut() -> bool) {
    let wait = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(60), wait).await.expect("within a minute");
}

#[tokio::test]
async fn a_request_that_has_begun_is_answered_before_the_server_ends() {
    for signal in ["TERM", "INT"] {
        let mut stopping = Stopping::after(signal, &[("SHUTDOWN_TIMEOUT", "60")]).await;

        stopping.lock.batch_execute("rollback").await.expect("no lock any more");

        let answer = stopping.put.await.expect("an answer");
        assert_eq!((answer.status(), &answer.json()["title"]), (200, &json!("two")), "{signal}");
        assert_eq!(answer.header("connection"), "close", "{signal}");
        assert_eq!(stopping.world.server.ended().await.code(), Some(0), "{signal}");
    }
}

#[tokio::test]
async fn a_server_that_stops_accepts_no_new_connection() {
    let stopping = Stopping::after("TERM", &[("SHUTDOWN_TIMEOUT", "60")]).await;

    let address = stopping.world.server.address;
    until(async || TcpStream::connect(address).await.is_err()).await;

    assert!(!stopping.put.is_finished());
}

#[tokio::test]
async fn a_request_that_never_finishes_does_not_delay_the_end_past_the_timeout() {
    let mut stopping = Stopping::after("TERM", &[("SHUTDOWN_TIMEOUT", "1")]).await;

    assert_eq!(stopping.world.server.ended().await.code(), Some(0));
}

#[tokio::test]
async fn open_connections_do_not_delay_the_end_past_the_timeout() {
    let mut world = World::with(&[("SHUTDOWN_TIMEOUT", "1"), ("REQUEST_TIMEOUT", "600")]).await;
    let address = world.server.address;
    let mut idle = RawClient::sending(address, request("GET", "/api/tasks", "alice", "")).await;
    assert_eq!(idle.reads().await.status, 200);
    let half_body = head("POST", "/api/tasks", "alice") + "Content-Length: 40\r\n\r\n{";
    let _others = (
        RawClient::open(address).await,
        RawClient::sending(address, "GET /health HTTP/1.1\r\n").await,
        RawClient::sending(address, half_body).await,
    );

    world.server.signal("TERM");

    assert_eq!(world.server.ended().await.code(), Some(0));
}

#[tokio::test]
async fn idle_connections_are_closed_and_the_server_ends_at_once() {
    let mut world = World::with(&[("SHUTDOWN_TIMEOUT", "600"), ("REQUEST_TIMEOUT", "600")]).await;
    let mut idle = RawClient::sending(world.server.address, request("GET", "/api/tasks", "alice", "")).await;
    assert_eq!(idle.reads().await.status, 200);

    world.server.signal("TERM");

    assert_eq!(idle.reads_to_the_end().await, "");
    assert_eq!(world.server.ended().await.code(), Some(0));
}

/// Sends requests on kept connections a moment after a stop signal. Returns whether all are answered.
async fn answers_requests_that_are_on_their_way() -> bool {
    let mut world = World::new().await;
    let text = request("GET", "/api/tasks", "alice", "");
    let mut clients = Vec::new();
    for _ in 0..24 {
        let mut client = RawClient::sending(world.server.address, &text).await;
        assert_eq!(client.reads().await.status, 200);
        clients.push(client);
    }

    world.server.signal("TERM");
    tokio::time::sleep(Duration::from_millis(10)).await;
    let mut answered = 0;
    for client in &mut clients {
        client.sends(&text).await;
    }
    for client in &mut clients {
        answered += u32::from(client.next_reply().await.is_some_and(|reply| reply.status == 200));
    }

    drop(clients);
    assert_eq!(world.server.ended().await.code(), Some(0));
    answered == 24
}

#[tokio::test]
async fn requests_that_are_on_their_way_when_the_server_stops_are_answered() {
    // They have a tenth of a second. A machine with much to do can need more than that.
    for _ in 0..3 {
        if answers_requests_that_are_on_their_way().await {
            return;
        }
    }
    panic!("requests were not answered");
}

/// Clients whose request has arrived in part when the server stops. They believe that their connections go on.
async fn with_part_of_a_request(world: &World) -> Vec<(RawClient, String)> {
    let refused = "POST /api/tasks HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n".to_owned();
    let look = request("GET", "/api/tasks", "alice", "");
    let mut clients = Vec::new();
    for (before, part, rest) in [
        ("", &look[..1], &look[1..]),
        (&*look, &look[..40], &look[40..]),
        (&*refused, "", &*format!("{{}}{look}")),
        (&*refused, "{", &*format!("}}{look}")),
    ] {
        let mut client = RawClient::sending(world.server.address, before).await;
        if !before.is_empty() {
            assert!(client.reads().await.head.contains("keep-alive"));
        }
        client.sends(part).await;
        clients.push((client, rest.to_owned()));
    }
    // A part that arrives together with the request before it.
    let mut client = RawClient::sending(world.server.address, look.clone() + &look[..40]).await;
    assert!(client.reads().await.head.contains("keep-alive"));
    clients.push((client, look[40..].to_owned()));
    tokio::time::sleep(Duration::from_millis(100)).await; // until the server has read them
    clients
}

#[tokio::test]
async fn a_client_that_has_sent_a_part_of_a_request_is_answered_by_a_server_that_stops() {
    let mut world = World::new().await;
    let clients = with_part_of_a_request(&world).await;

    world.server.signal("TERM");
    tokio::time::sleep(Duration::from_millis(500)).await;

    for (mut client, rest) in clients {
        client.sends(&rest).await;
        let reply = client.reads().await;
        assert!([200, 503].contains(&reply.status), "{rest}{reply:?}");
        assert!(reply.head.contains("connection: close"), "{rest}{reply:?}");
        assert_eq!(reply.head.contains("retry-after"), reply.status == 503, "{reply:?}");
    }
    assert_eq!(world.server.ended().await.code(), Some(0));
}

#[tokio::test]
async fn a_client_that_never_sends_the_rest_is_answered_at_the_end() {
    let mut world = World::with(&[("SHUTDOWN_TIMEOUT", "1"), ("REQUEST_TIMEOUT", "600")]).await;
    let clients = with_part_of_a_request(&world).await;

    world.server.signal("TERM");

    for (mut client, rest) in clients {
        let reply = client.reads().await;
        assert!(reply.status == 503 && reply.head.contains("connection: close"), "{rest}{reply:?}");
        assert_eq!(client.reads_to_the_end().await, "");
    }
    assert_eq!(world.server.ended().await.code(), Some(0));
}

#[tokio::test]
async fn a_server_that_waits_for_its_database_at_start_stops_as_well() {
    let settings = [
        ("ENVIRONMENT", "production"),
        ("DATABASE_URL", "postgres://user@127.0.0.1:9/database"),
        ("BETTER_AUTH_SECRET", SECRET),
        ("PORT", "0"),
    ];
    for signal in ["TERM", "INT"] {
        let mut running = Program::new(&["serve"]).with(&settings).start();
        running.says("trying again").await;

        running.signal(signal);

        let ended = running.ended().await;
        assert_eq!(ended.code, Some(0), "{signal}: {ended:?}");
        assert!(ended.err.lines().last().is_some_and(|line| line.contains("stopped")), "{signal}: {ended:?}");
    }
}
