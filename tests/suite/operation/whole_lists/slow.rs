//! Clients that do not read on: they cost a little memory, nothing of the database, and not for ever.

use std::time::Duration;

use serde_json::json;

use super::reader::Reader;
use super::{
    MANY_BYTES, MANY_PAGES, has_tasks, long_list, pages_asked, pages_asked_when_quiet, stopped_readers,
};
use crate::operation::raw::{Raw, head};
use crate::world::World;

/// The most memory that a process has had, in bytes; none where the system does not tell.
pub fn peak_memory(process: u32) -> Option<usize> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: usize = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kilobytes * 1024)
}

#[tokio::test]
#[cfg_attr(not(target_os = "linux"), ignore = "needs /proc of Linux")]
async fn fifty_clients_that_stop_reading_take_less_memory_than_one_list() {
    let server = long_list(&[("REQUEST_TIMEOUT", "600")]).await;
    let before = peak_memory(server.id()).expect("the memory of a process, which Linux tells in /proc");

    let readers = stopped_readers(&server, 50).await;
    let asked = pages_asked_when_quiet(&server).await;

    let taken = peak_memory(server.id()).expect("memory") - before;
    // Each holds a few pages here, and what both systems buffer of a connection is not the server's.
    assert!(taken < MANY_BYTES / 2, "{} kB for 50 clients", taken / 1024);
    assert!(asked > readers.len(), "nobody is in the middle of a list");
    assert!(asked < 50 * MANY_PAGES / 2, "{asked} pages for clients that do not read");
}

#[tokio::test]
async fn a_client_that_stops_reading_has_no_transaction_open() {
    let world = World::with(&[("DATABASE_POOL_SIZE", "1"), ("REQUEST_TIMEOUT", "600")]).await;
    let admin = has_tasks(&world.database, "alice", 20_000, 1000).await;
    let (alice, bob) = (world.user("alice"), world.user("bob"));
    let readers = stopped_readers(&world.server, 3).await;
    pages_asked_when_quiet(&world.server).await;

    let open = "
        select state, query from pg_stat_activity
         where datname = current_database() and usename = 'rowkeep_login'
           and (state <> 'idle' or xact_start is not null or backend_xmin is not null)";
    let open = admin.query(open, &[]).await.expect("rows");
    let others = [bob.get("/api/tasks").await, alice.get("/api/v1/tasks?limit=1").await];

    assert!(open.is_empty(), "{open:?}");
    assert!(others.iter().all(|answer| answer.status() == 200), "the only connection is free: {others:?}");
    for reader in readers {
        assert_eq!(reader.ends().await.ids().len(), 20_000);
    }
}

#[tokio::test]
async fn nothing_is_asked_for_a_client_that_has_left() {
    let server = long_list(&[("REQUEST_TIMEOUT", "600")]).await;
    let readers = stopped_readers(&server, 4).await;
    let before = pages_asked_when_quiet(&server).await;

    drop(readers);

    // Perhaps one each, that was on its way to the client already.
    let after = pages_asked_when_quiet(&server).await;
    assert!(after <= before + 4, "{} more pages for nobody", after - before);
    assert!(before < 4 * MANY_PAGES / 2, "{before} pages for clients that do not read");
}

#[tokio::test]
async fn a_client_that_never_reads_on_is_let_go_and_its_list_ends() {
    let server = long_list(&[("REQUEST_TIMEOUT", "2")]).await;
    let readers = stopped_readers(&server, 2).await;

    for reader in &readers {
        let peer = reader.address().to_string();
        server.logs(|event| event["message"] == "a connection broke off" && event["peer"] == *peer).await;
    }

    let asked = pages_asked_when_quiet(&server).await;
    assert!(asked < 2 * MANY_PAGES / 2, "{asked} pages for clients that do not read");
    for reader in readers {
        reader.ends().await.assert_broken();
    }
}

#[tokio::test]
async fn the_head_of_a_long_list_has_no_body_and_costs_no_second_page() {
    let world = World::new().await;
    has_tasks(&world.database, "alice", 5000, 100).await;
    let mut raw = Raw::open(world.server.address).await;

    for path in ["/api/tasks", "/api/alice/tasks"] {
        raw.sends(head("HEAD", path, "alice") + "\r\n").await;
        let reply = raw.reads().await;
        assert_eq!(reply.status, 200, "{reply:?}");
        assert!(!reply.head.contains("content-length"), "nobody knows how long it is: {reply:?}");

        raw.sends(head("GET", "/api/tasks/7", "alice") + "\r\n").await;
        let next = raw.reads().await;
        assert_eq!(next.status, 200, "{path}: {next:?}");
        let task: serde_json::Value = serde_json::from_str(&next.body).expect("a task");
        assert_eq!(task["id"], json!(7), "{path}");
    }

    let asked = pages_asked_when_quiet(&world.server).await;
    assert!(asked <= 4, "{asked} pages for two heads");
}

#[tokio::test]
async fn a_list_that_is_being_read_is_finished_before_the_server_ends() {
    let mut world = World::with(&[("SHUTDOWN_TIMEOUT", "300"), ("REQUEST_TIMEOUT", "300")]).await;
    has_tasks(&world.database, "alice", 20_000, 1000).await;
    let mut reader = Reader::of(world.server.address, "/api/tasks", "alice").await;
    reader.begins().await;
    let before = pages_asked_when_quiet(&world.server).await;

    world.server.signal("TERM");
    world.server.logs(|event| event["message"] == "told to stop").await;

    assert_eq!(reader.ends().await.ids().len(), 20_000);
    assert!(pages_asked(&world.server) > before, "it was there as a whole before: this proves nothing");
    assert_eq!(world.server.ended().await.code(), Some(0));
}

#[tokio::test]
async fn a_list_that_nobody_reads_does_not_keep_the_server() {
    let mut server = long_list(&[("SHUTDOWN_TIMEOUT", "1"), ("REQUEST_TIMEOUT", "600")]).await;
    let readers = stopped_readers(&server, 2).await;

    server.signal("TERM");

    assert_eq!(server.ended().await.code(), Some(0));
    for reader in readers {
        reader.ends().await.assert_broken();
    }
}

#[tokio::test]
async fn a_client_that_takes_its_time_is_not_cut_off() {
    let world = World::with(&[("REQUEST_TIMEOUT", "2")]).await;
    has_tasks(&world.database, "alice", 30_000, 1000).await;
    let mut reader = Reader::of(world.server.address, "/api/tasks", "alice").await;

    // Three times as long as a client may take that reads nothing at all: less in that time than the system would keep.
    for _ in 0..30 {
        reader.reads(10_000).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }

    assert_eq!(reader.ends().await.ids().len(), 30_000);
}
