//! The number of connections: what it follows from, and who gives way to whom.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::net::TcpSocket;

use super::overload::eventually;
use super::program::{Program, Running};
use super::raw_client::{RawClient, head, request};
use crate::world::{Database, SECRET, listening_in_text};

/// A server that may open this many files.
pub struct Limited {
    pub address: SocketAddr,
    running: Running,
    _database: Database,
}

impl Limited {
    /// The address of its second listener.
    pub async fn admin_address(&mut self) -> SocketAddr {
        self.running.says("listening for operators").await;
        let log = self.running.err();
        let line = log.lines().find(|line| line.contains("listening for operators")).expect("a line");
        listening_in_text(line).expect("an address")
    }

    pub async fn to(files: u32, settings: &[(&str, &str)]) -> Self {
        let database = Database::new().await;
        let mut running = program(files, &database.url("rowkeep_login"), settings).start();
        running.says("checked that the policies restrict requests").await;
        let log = running.err();
        let address = listening_in_text(&log).expect("an address");
        Self { address, running, _database: database }
    }

    async fn answers(&self) -> u16 {
        let mut client = RawClient::sending(self.address, request("GET", "/api/tasks", "alice", "")).await;
        client.reads().await.status
    }
}

fn program(files: u32, url: &str, settings: &[(&str, &str)]) -> Program {
    let script = format!("ulimit -n {files} && exec {}", env!("CARGO_BIN_EXE_rowkeep"));
    let mut program = Program::new(&["-c", &script]).with(&[
        ("ENVIRONMENT", "production"),
        ("DATABASE_URL", url),
        ("BETTER_AUTH_SECRET", SECRET),
        ("PORT", "0"),
        ("LOG_FORMAT", "text"),
        ("REQUEST_TIMEOUT", "60"),
        ("RATE_LIMIT", "0"),
    ]);
    program.file = "/bin/sh".into();
    program.with(settings)
}

/// Connections that have sent `text`, and got an answer if it is a whole request.
pub async fn hold(address: SocketAddr, number: usize, text: &str) -> Vec<RawClient> {
    let mut held = Vec::new();
    for _ in 0..number {
        let mut client = RawClient::sending(address, text).await;
        if text.ends_with("\r\n\r\n") {
            client.reads().await;
        }
        held.push(client);
    }
    tokio::time::sleep(Duration::from_millis(200)).await; // until the server has read what they sent
    held
}

#[tokio::test]
async fn three_hundred_idle_connections_under_a_limit_of_256_files_keep_nobody_out() {
    let server = Limited::to(256, &[]).await;
    for text in ["", "GET /health HTTP/1.1\r\nHost: x\r\n\r\n"] {
        let held = hold(server.address, 300, text).await;

        let statuses = [server.answers().await, server.answers().await];

        assert_eq!(statuses, [200, 200], "{text:?}");
        drop(held);
    }
}

#[tokio::test]
async fn the_connection_that_has_been_idle_longest_is_closed_for_a_new_one() {
    let server = Limited::to(48, &[]).await; // 8 connections, 4 of them for one address
    let idle = "GET /health HTTP/1.1\r\nHost: x\r\n\r\n";
    // Each is idle before the next one comes, also on a machine that is busy.
    let mut held = Vec::new();
    for _ in 0..4 {
        held.extend(hold(server.address, 1, idle).await);
    }
    // The first one is used again, so the second one is idle longest.
    held[0].sends(idle).await;
    held[0].reads().await;

    assert_eq!(server.answers().await, 200);

    assert_eq!(held[1].reads_to_the_end().await, "");
    for at in [0, 2, 3] {
        held[at].sends(idle).await;
        assert_eq!(held[at].reads().await.status, 200, "connection {at}");
    }
}

#[tokio::test]
async fn a_connection_gets_503_only_if_all_others_are_busy() {
    let server = Limited::to(48, &[]).await;
    let half = head("POST", "/api/tasks", "alice") + "Content-Length: 40\r\n\r\n{";
    let mut held = hold(server.address, 3, &half).await;
    held.extend(hold(server.address, 1, "GET /heal").await);

    let refused = RawClient::open(server.address).await.reads().await;
    drop(held.pop());

    assert!(refused.status == 503 && refused.head.contains("retry-after"), "{refused:?}");
    eventually("a place", async || server.answers().await == 200).await;
    for client in &mut held {
        client.sends(format!("{:<39}", r#""title":"slow"}"#)).await;
        assert_eq!(client.reads().await.status, 201, "a busy connection goes on");
    }
}

/// The server then waits a moment for them to close, too.
#[tokio::test]
async fn clients_that_never_close_give_way_also_after_their_idle_time() {
    let server = Limited::to(48, &[("KEEP_ALIVE_TIMEOUT", "1")]).await;
    let mut held = hold(server.address, 4, "GET /live HTTP/1.1\r\nHost: x\r\n\r\n").await;
    for client in &mut held {
        assert_eq!(client.reads_to_the_end().await, "");
    }

    let statuses = [server.answers().await, server.answers().await, server.answers().await];

    assert_eq!(statuses, [200; 3]);
}

/// The answer says that the connection ends, so no other request comes on it.
#[tokio::test]
async fn clients_that_never_close_give_way_also_after_a_408() {
    let body = head("POST", "/api/tasks", "alice") + "Content-Length: 40\r\n\r\n{";
    for half in ["GET /heal", &body] {
        let server = Limited::to(48, &[("REQUEST_TIMEOUT", "1")]).await;
        let mut held = hold(server.address, 4, half).await;
        for client in &mut held {
            let last = client.reads_to_the_end().await;
            assert!(last.starts_with("HTTP/1.1 408"), "{last}");
        }

        let mut statuses = Vec::new();
        for _ in 0..3 {
            // Beyond the limit it would be a 503.
            let mut client =
                RawClient::sending(server.address, "GET /api/tasks HTTP/1.1\r\nHost: x\r\n\r\n").await;
            statuses.push(client.reads().await.status);
        }

        assert_eq!(statuses, [401; 3], "{half}");
    }
}

#[tokio::test]
async fn many_that_are_turned_away_at_once_do_not_use_up_the_files() {
    let server = Limited::to(48, &[]).await;
    let half = head("POST", "/api/tasks", "alice") + "Content-Length: 40\r\n\r\n{";
    let held = hold(server.address, 4, &half).await;

    // They never close their connections.
    let mut turned_away = join_all((0..100).map(|_| RawClient::open(server.address))).await;
    let mut refused = 0;
    for client in &mut turned_away {
        refused += usize::from(client.next_reply().await.is_some_and(|reply| reply.status == 503));
    }
    drop(held);

    assert_eq!(refused, 100);
    eventually("a place", async || server.answers().await == 200).await;
}

#[tokio::test]
#[cfg_attr(not(target_os = "linux"), ignore = "needs several loopback addresses")]
async fn one_address_holds_at_most_half_of_the_connections_and_a_trusted_proxy_any_number() {
    let half = head("POST", "/api/tasks", "alice") + "Content-Length: 40\r\n\r\n{";
    for (proxies, places) in [("", 4), ("127.0.0.1", 8)] {
        let server = Limited::to(48, &[("TRUSTED_PROXIES", proxies)]).await;

        let _held = hold(server.address, places, &half).await;
        let refused = RawClient::open(server.address).await.reads().await;
        let other = TcpSocket::new_v4().expect("a socket");
        other.bind("127.0.0.2:0".parse().expect("an address")).expect("another address");
        let other = other.connect(server.address).await.expect("a connection");
        let other = RawClient::exchange(other, request("GET", "/api/tasks", "bob", "")).await;

        assert_eq!(refused.status, 503);
        assert_eq!(other.map(|reply| reply.status), Some(if places == 4 { 200 } else { 503 }), "{proxies}");
    }
}

#[tokio::test]
async fn the_program_does_not_start_if_it_may_not_open_enough_files() {
    let database = Database::new().await;

    let ended = program(40, &database.url("rowkeep_login"), &[]).run().await;

    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.err.contains("ulimit -n") && ended.err.contains("DATABASE_POOL_SIZE"), "{ended:?}");
}
