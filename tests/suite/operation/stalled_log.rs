//! The log of a server whose standard error nobody reads, and of clients that leave.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::timeout;
use tokio_postgres::Client;

use super::raw_client::{RawClient, request};
use crate::world::coverage::record_output;
use crate::world::{Database, Person, SECRET, World};

/// A server whose standard error is a pipe that nobody reads.
pub struct Stalled {
    process: Child,
    address: SocketAddr,
    _database: Database,
}

/// More lines than the queue and the pipe have room for.
const LINES: usize = 24_000;

impl Stalled {
    async fn start(format: &str) -> Self {
        Self::with(format, &[]).await
    }

    /// The same, with more settings.
    pub async fn with(format: &str, settings: &[(&str, &str)]) -> Self {
        let database = Database::new().await;
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("a port");
        let process = Command::new(env!("CARGO_BIN_EXE_rowkeep"))
            .env_clear()
            .envs([("ENVIRONMENT", "production"), ("BETTER_AUTH_SECRET", SECRET), ("LOG_FORMAT", format)])
            .envs([("DATABASE_URL", database.url("rowkeep_login")), ("PORT", free.port().to_string())])
            .envs(settings.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program");
        let server = Self { process, address: free, _database: database };
        let listens = async {
            while tokio::net::TcpStream::connect(free).await.is_err() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        timeout(Duration::from_secs(60), listens).await.expect("it listens");
        server
    }

    /// Sends requests until the log is full.
    pub async fn fills_its_log(&self) {
        const AT_ONCE: usize = 200;
        let text = "GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n".repeat(AT_ONCE);
        let mut client = RawClient::open(self.address).await;
        for _ in 0..LINES / AT_ONCE {
            assert!(client.sends(&text).await);
            for _ in 0..AT_ONCE {
                assert_eq!(client.reads().await.status, 404);
            }
        }
    }

    async fn answers(&self) -> u16 {
        Person::new(self.address, "alice").get("/api/tasks").await.status()
    }

    fn is_told_to_stop(&self) {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().expect("kill").success());
    }

    /// Sends SIGTERM. Returns the exit code.
    async fn stops(&mut self) -> Option<i32> {
        self.is_told_to_stop();
        let ended = async {
            loop {
                if let Some(status) = self.process.try_wait().expect("a child") {
                    return status.code();
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(Duration::from_secs(20), ended).await.expect("it ends within 20 s")
    }
}

impl Drop for Stalled {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_log_that_nobody_reads_stops_neither_the_server_nor_its_end() {
    for format in ["json", "text"] {
        let mut server = Stalled::start(format).await;

        server.fills_its_log().await;

        assert_eq!(server.answers().await, 200, "{format}");
        assert_eq!(server.stops().await, Some(0), "{format}");
    }
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_log_that_is_read_again_says_how_many_lines_were_dropped() {
    for format in ["json", "text"] {
        let mut server = Stalled::start(format).await;
        server.fills_its_log().await;

        let log = server.process.stderr.take().expect("a pipe");
        let reading = tokio::task::spawn_blocking(move || {
            let mut lines = BufReader::new(log).lines().map_while(Result::ok);
            let last = lines.find(|line| line.contains("lines of the log were dropped"));
            (last, lines)
        });
        let (line, _lines) =
            timeout(Duration::from_secs(10), reading).await.expect("within 10 s").expect("lines");

        let line = line.expect("a line");
        record_output(&line);
        let total: u64 = match format {
            "json" => serde_json::from_str::<Value>(&line).expect("JSON")["rowkeep.dropped_lines"]
                .as_u64()
                .expect("a number"),
            _ => line
                .split("rowkeep.dropped_lines=")
                .nth(1)
                .and_then(|total| total.trim().parse().ok())
                .expect("a number"),
        };
        assert!((1..LINES as u64).contains(&total), "{line}");
        assert_eq!(server.answers().await, 200);
    }
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_full_log_is_written_at_the_end_if_its_reader_goes_on() {
    let mut server = Stalled::start("json").await;
    server.fills_its_log().await;
    let mut log = server.process.stderr.take().expect("a pipe");

    server.is_told_to_stop();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let reading = tokio::task::spawn_blocking(move || {
        let mut text = String::new();
        log.read_to_string(&mut text).map(|_| text)
    });
    let text = timeout(Duration::from_secs(10), reading).await.expect("within 10 s").expect("a thread");

    let text = text.expect("a text");
    let messages: Vec<String> = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON")["message"].to_string())
        .collect();
    let last = messages.last_chunk().expect("lines");
    assert_eq!(
        *last,
        ["lines of the log were dropped, because nobody read standard error", "stopped"]
            .map(|text| format!("{text:?}"))
    );
    // The queue was full.
    assert!(text.len() > 1024 * 1024, "{}", text.len());
}

/// Locks every row, until the client is dropped.
async fn locks_every_row(world: &World) -> Client {
    let client = world.database.superuser().await;
    client.batch_execute("begin; select from app.tasks for update").await.expect("locks");
    client
}

async fn waits_for_a_lock(world: &World) {
    let client = world.database.superuser().await;
    let waits =
        "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    while client.query(waits, &[]).await.expect("rows").is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The line of a request whose client has left.
async fn line_of(world: &World, method: &str) -> Value {
    let is_line = |event: &Value| {
        event["message"] == "the client left before its answer" && event["http.request.method"] == method
    };
    world.server.logs(is_line).await
}

#[tokio::test]
async fn a_client_that_leaves_before_its_answer_has_a_line_with_the_outcome_of_its_change() {
    let world = World::with(&[("LOG_LEVEL", "info"), ("REQUEST_TIMEOUT", "60")]).await;
    let alice = world.user("alice");
    let task = alice.creates(json!({ "title": "one" })).await;
    let path = format!("/api/tasks/{}", task["id"]);
    let lock = locks_every_row(&world).await;

    let change = request("PUT", &path, "alice", r#"{"title":"two"}"#);
    let client = RawClient::sending(world.server.address, change).await;
    waits_for_a_lock(&world).await;
    drop(client);
    tokio::time::sleep(Duration::from_millis(100)).await; // until the server has noticed
    drop(lock);

    let line = line_of(&world, "PUT").await;
    assert_eq!(
        (&line["http.response.status_code"], &line["rowkeep.outcome"]),
        (&json!(200), &json!("carried out")),
        "{line}"
    );
    assert_eq!(line["url.path"], path, "{line}");
    assert_eq!(alice.reads(&task["id"]).await["title"], "two");
}

#[tokio::test]
async fn a_client_that_leaves_before_its_transaction_has_a_line_and_changes_nothing() {
    let settings = [("LOG_LEVEL", "info"), ("REQUEST_TIMEOUT", "60"), ("DATABASE_POOL_SIZE", "2")];
    let world = World::with(&settings).await;
    let alice = world.user("alice");
    let task = alice.creates(json!({ "title": "one" })).await;
    let path = format!("/api/tasks/{}", task["id"]);
    let lock = locks_every_row(&world).await;
    let change = |title: &str| request("PUT", &path, "alice", &json!({ "title": title }).to_string());

    // The first one has the only database connection, and the second one waits for it.
    let mut first = RawClient::sending(world.server.address, change("two")).await;
    waits_for_a_lock(&world).await;
    let second = RawClient::sending(world.server.address, change("three")).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    drop(second);

    let line = line_of(&world, "PUT").await;
    drop(lock);
    assert_eq!(
        (&line["http.response.status_code"], &line["rowkeep.outcome"]),
        (&Value::Null, &json!("nothing was changed")),
        "{line}"
    );
    assert_eq!(first.reads().await.status, 200);
    assert_eq!(alice.reads(&task["id"]).await["title"], "two");
}

#[tokio::test]
async fn a_client_that_leaves_at_once_has_a_line() {
    let world = World::with(&[("LOG_LEVEL", "info")]).await;
    const CLIENTS: usize = 60;

    for number in 0..CLIENTS {
        let text = request("PUT", &format!("/api/tasks/{number}"), "alice", r#"{"title":"one"}"#);
        drop(RawClient::sending(world.server.address, text).await);
    }

    let lines = async {
        loop {
            let lines = world
                .server
                .log()
                .into_iter()
                .filter(|line| line.contains(r#""http.request.method":"PUT""#))
                .count();
            if lines == CLIENTS {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(10), lines).await.expect("a line for each within 10 s");
}
