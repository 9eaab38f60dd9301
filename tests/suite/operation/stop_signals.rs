//! The delay before a stop, a second signal, and signals that are ignored.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use serde_json::json;
use tokio::time::{sleep, timeout};

use super::checkout::Checkout;
use super::program::{Directory, Program, Running};
use super::raw_client::{RawClient, head, request};
use crate::world::{Database, Person, SECRET, World, listening};

/// More time than a program needs that ends at once.
const AT_ONCE: Duration = Duration::from_secs(10);

async fn told_to_stop(world: &World) {
    world.server.signal("TERM");
    world.server.logs(|event| event["message"] == "received a stop signal").await;
}

#[tokio::test]
async fn health_fails_during_the_delay_and_everything_else_is_served() {
    let world = World::with(&[("SHUTDOWN_DELAY", "600")]).await;
    let alice = world.user("alice");

    told_to_stop(&world).await;

    let health = world.anonymous().get("/health").await;
    assert_eq!((health.status(), &health.json()["status"]), (503, &json!("unhealthy")));
    assert!(health.detail().contains("shutting down"), "{health:?}");
    assert_eq!(alice.post("/api/tasks", json!({ "title": "one" })).await.status(), 201);
    assert_eq!(alice.get("/api/tasks").await.ids().len(), 1);
}

#[tokio::test]
async fn answers_during_the_delay_say_that_their_connections_end() {
    let world = World::with(&[("SHUTDOWN_DELAY", "600")]).await;
    let texts = [
        request("GET", "/health", "alice", ""),
        request("GET", "/live", "alice", ""),
        request("POST", "/api/tasks", "alice", r#"{"title":"one"}"#),
        request("GET", "/nowhere", "alice", ""),
        "POST /api/tasks HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n".into(),
    ];
    let mut kept = Vec::new();
    for _ in &texts {
        let mut client = RawClient::sending(world.server.address, &texts[1]).await;
        assert!(client.reads().await.head.contains("keep-alive"));
        kept.push(client);
    }

    told_to_stop(&world).await;

    for (text, mut kept) in texts.iter().zip(kept) {
        let mut new = RawClient::open(world.server.address).await;
        for client in [&mut kept, &mut new] {
            client.sends(text).await;
            let reply = client.reads().await;
            assert!(
                reply.head.contains("connection: close") && !reply.head.contains("keep-alive"),
                "{reply:?}"
            );
            assert_eq!(client.reads_to_the_end().await, "");
        }
    }
}

#[tokio::test]
async fn the_server_ends_after_the_delay() {
    let mut world = World::with(&[("SHUTDOWN_DELAY", "1"), ("SHUTDOWN_TIMEOUT", "600")]).await;

    told_to_stop(&world).await;

    sleep(Duration::from_millis(300)).await;
    assert_eq!(world.user("alice").get("/api/tasks").await.status(), 200);
    assert_eq!(timeout(AT_ONCE, world.server.ended()).await.expect("an end").code(), Some(0));
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_second_signal_ends_the_server_at_once() {
    for (first, second) in [("TERM", "TERM"), ("INT", "TERM"), ("TERM", "INT")] {
        for delay in ["0", "600"] {
            let settings =
                [("SHUTDOWN_DELAY", delay), ("SHUTDOWN_TIMEOUT", "600"), ("REQUEST_TIMEOUT", "600")];
            let mut world = World::with(&settings).await;
            let half = head("POST", "/api/tasks", "alice") + "Content-Length: 40\r\n\r\n{";
            let _unfinished = RawClient::sending(world.server.address, half).await;
            world.user("alice").get("/api/tasks").await;
            world.server.signal(first);
            world.server.logs(|event| event["message"] == "received a stop signal").await;

            world.server.signal(second);

            let ended = timeout(AT_ONCE, world.server.ended()).await.expect("an end");
            assert_eq!(ended.code(), Some(1), "{first}, {second}, delay {delay}");
        }
    }
}

/// The first signal lets `initdb` end, which here takes as long as the directory of this program is there.
#[tokio::test]
async fn a_second_signal_ends_a_server_that_has_not_started_yet() {
    let (directory, checkout) = (Directory::new(), Checkout::new("c"));
    let waits = "while [ -e \"$0\" ]; do sleep 0.2; done";
    for (name, line) in
        [("postgres", "echo 'postgres (PostgreSQL) 17.0'"), ("pg_ctl", "exit 1"), ("initdb", waits)]
    {
        directory.write(name, &format!("#!/bin/sh\n{line}\n"));
        let executable = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(directory.0.join(name), executable).expect("a mode");
    }
    let programs = [("POSTGRES_BIN_DIR", directory.0.to_str().expect("text"))];
    let mut running = checkout.program(&[]).with(&programs).start();
    running.says("making the development database").await;
    running.signal("TERM");
    running.says("received a stop signal").await;

    running.signal("INT");

    assert_eq!(timeout(AT_ONCE, running.ended()).await.expect("an end").code, Some(1));
}

/// A server that `starter` has started, and a user of it.
async fn started_by(starter: &[&str], database: &Database) -> (Running, Person) {
    let mut program = Program::new(&[]).with(&[
        ("ENVIRONMENT", "production"),
        ("DATABASE_URL", &database.url("rowkeep_login")),
        ("BETTER_AUTH_SECRET", SECRET),
        ("LOG_FORMAT", "json"),
        ("PORT", "0"),
    ]);
    let arguments = starter.iter().map(|text| (*text).to_owned());
    program.arguments = arguments.chain([program.file.display().to_string()]).skip(1).collect();
    program.file = starter[0].into();
    let mut running = program.start();
    running.says("checked that the policies restrict requests").await;

    let log = running.err();
    let events = log.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let address = events.into_iter().find_map(|event| listening(&event));
    (running, Person::new(address.expect("an address"), "alice"))
}

#[tokio::test]
async fn a_server_whose_terminal_is_closed_ends() {
    let database = Database::new().await;
    let (running, _) = started_by(&["/usr/bin/env", "--default-signal=HUP"], &database).await;

    running.signal("HUP");

    assert_eq!(timeout(AT_ONCE, running.ended()).await.expect("an end").code, Some(0));
}

#[tokio::test]
async fn a_server_started_by_nohup_outlives_its_terminal_and_still_obeys_sigterm() {
    let database = Database::new().await;
    let (running, alice) = started_by(&["/usr/bin/nohup"], &database).await;

    for _ in 0..2 {
        running.signal("HUP");
        sleep(Duration::from_millis(200)).await;
    }

    assert_eq!(alice.get("/api/tasks").await.status(), 200);
    running.signal("TERM");
    assert_eq!(timeout(AT_ONCE, running.ended()).await.expect("an end").code, Some(0));
}
