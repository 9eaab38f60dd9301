//! Clients that do not read on: they cost little memory and no database connection, and the server disconnects them.

use std::time::Duration;

use serde_json::json;

use super::reader::Reader;
use super::{
    MANY_BYTES, MANY_PAGES, add_tasks, long_list, pages_queried, pages_queried_when_quiet, stopped_readers,
};
use crate::operation::raw_client::{RawClient, head};
use crate::world::World;

/// The peak memory of a process, in bytes; none where the system does not tell.
pub fn peak_memory(process: u32) -> Option<usize> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: usize = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kilobytes * 1024)
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
#[cfg_attr(not(target_os = "linux"), ignore = "needs /proc of Linux")]
async fn fifty_clients_that_stop_reading_take_less_memory_than_one_list() {
    let server = long_list(&[("REQUEST_TIMEOUT", "600")]).await;
    let before = peak_memory(server.id()).expect("the memory of a process, which Linux tells in /proc");

    let readers = stopped_readers(&server, 50).await;
    let queried = pages_queried_when_quiet(&server).await;

    let taken = peak_memory(server.id()).expect("memory") - before;
    // The server holds a few pages for each. The sockets' buffers belong to the system.
    assert!(taken < MANY_BYTES / 2, "{} kB for 50 clients", taken / 1024);
    assert!(queried > readers.len(), "no client is in the middle of a list");
    assert!(queried < 50 * MANY_PAGES / 2, "{queried} pages for clients that do not read");
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_client_that_stops_reading_holds_no_transaction() {
    let world = World::with(&[("DATABASE_POOL_SIZE", "2"), ("REQUEST_TIMEOUT", "600")]).await;
    let admin = add_tasks(&world.database, "alice", 20_000, 1000).await;
    let (alice, bob) = (world.user("alice"), world.user("bob"));
    let readers = stopped_readers(&world.server, 3).await;
    pages_queried_when_quiet(&world.server).await;

    let open = "
        select state, query from pg_stat_activity
         where datname = current_database() and usename = 'rowkeep_login'
           and (state <> 'idle' or xact_start is not null or backend_xmin is not null)";
    let open = admin.query(open, &[]).await.expect("rows");
    let others = [bob.get("/api/tasks").await, alice.get("/api/v1/tasks?limit=1").await];

    assert!(open.is_empty(), "{open:?}");
    assert!(
        others.iter().all(|answer| answer.status() == 200),
        "the only database connection is in use: {others:?}"
    );
    for reader in readers {
        assert_eq!(reader.ends().await.ids().len(), 20_000);
    }
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn no_page_is_queried_for_a_client_that_has_left() {
    let server = long_list(&[("REQUEST_TIMEOUT", "600")]).await;
    let readers = stopped_readers(&server, 4).await;
    let before = pages_queried_when_quiet(&server).await;

    drop(readers);

    // One page each can have been on its way already.
    let after = pages_queried_when_quiet(&server).await;
    assert!(after <= before + 4, "{} pages for clients that have left", after - before);
    assert!(before < 4 * MANY_PAGES / 2, "{before} pages for clients that do not read");
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_client_that_never_reads_on_is_disconnected_and_its_list_ends() {
    let server = long_list(&[("REQUEST_TIMEOUT", "2")]).await;
    let readers = stopped_readers(&server, 2).await;

    for reader in &readers {
        let port = reader.address().port();
        server
            .logs(|event| {
                event["message"] == "a connection ended with an error" && event["source.port"] == port
            })
            .await;
    }

    let queried = pages_queried_when_quiet(&server).await;
    assert!(queried < 2 * MANY_PAGES / 2, "{queried} pages for clients that do not read");
    for reader in readers {
        reader.ends().await.assert_incomplete();
    }
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_head_request_for_a_long_list_has_no_body_and_queries_no_second_page() {
    let world = World::new().await;
    add_tasks(&world.database, "alice", 5000, 100).await;
    let mut client = RawClient::open(world.server.address).await;

    for path in ["/api/tasks", "/api/alice/tasks"] {
        client.sends(head("HEAD", path, "alice") + "\r\n").await;
        let reply = client.reads().await;
        assert_eq!(reply.status, 200, "{reply:?}");
        assert!(!reply.head.contains("content-length"), "its length is not known yet: {reply:?}");

        client.sends(head("GET", "/api/tasks/7", "alice") + "\r\n").await;
        let next = client.reads().await;
        assert_eq!(next.status, 200, "{path}: {next:?}");
        let task: serde_json::Value = serde_json::from_str(&next.body).expect("a task");
        assert_eq!(task["id"], json!(7), "{path}");
    }

    let queried = pages_queried_when_quiet(&world.server).await;
    assert!(queried <= 4, "{queried} pages for two heads");
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_list_that_is_being_read_is_completed_before_the_server_ends() {
    let mut world = World::with(&[("SHUTDOWN_TIMEOUT", "300"), ("REQUEST_TIMEOUT", "300")]).await;
    add_tasks(&world.database, "alice", 20_000, 1000).await;
    let mut reader = Reader::of(world.server.address, "/api/tasks", "alice").await;
    reader.begins().await;
    let before = pages_queried_when_quiet(&world.server).await;

    world.server.signal("TERM");
    world.server.logs(|event| event["message"] == "received a stop signal").await;

    assert_eq!(reader.ends().await.ids().len(), 20_000);
    assert!(
        pages_queried(&world.server) > before,
        "all pages were queried before the signal: this proves nothing"
    );
    assert_eq!(world.server.ended().await.code(), Some(0));
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_list_that_is_not_read_does_not_delay_the_end_past_the_timeout() {
    let mut server = long_list(&[("SHUTDOWN_TIMEOUT", "1"), ("REQUEST_TIMEOUT", "600")]).await;
    let readers = stopped_readers(&server, 2).await;

    server.signal("TERM");

    assert_eq!(server.ended().await.code(), Some(0));
    for reader in readers {
        reader.ends().await.assert_incomplete();
    }
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_client_that_reads_slowly_is_not_disconnected() {
    let world = World::with(&[("REQUEST_TIMEOUT", "2")]).await;
    add_tasks(&world.database, "alice", 30_000, 1000).await;
    let mut reader = Reader::of(world.server.address, "/api/tasks", "alice").await;

    // For three times as long as a client that reads nothing may stay, in portions smaller than the sockets' buffers.
    for _ in 0..30 {
        reader.reads(10_000).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }

    assert_eq!(reader.ends().await.ids().len(), 30_000);
}
