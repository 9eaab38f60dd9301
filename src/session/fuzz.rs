//! A fuzz target: a server that is broken or hostile cannot stop this program, and its answers are not taken for more than
//! they are.
//!
//! The first line of an input is `read` or `write`: what the transaction does. The rest is what the server sends, from the
//! answer to the startup message on.

use std::sync::LazyLock;

use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::runtime::Builder;
use tokio_postgres::{Config, NoTls};

use super::connection::{Backend, PooledConnection};
pub(crate) use super::pipeline::fuzz::pipeline;
use super::pipeline::{Pipeline, PipelineStream};
use super::transaction::TransactionError;
use super::*;
use crate::time_limit::within;

static READ: Query = Query::read(
    "tasks/read",
    include_str!("../../sql/tasks/read.sql"),
    &[ParameterType::Text, ParameterType::Bigint],
);

static WRITE: Query = Query::write(
    "tasks/delete",
    include_str!("../../sql/tasks/delete.sql"),
    &[ParameterType::Text, ParameterType::Bigint],
);

const SYNC: &[u8] = b"S\0\0\0\x04";

/// Nothing is ever connected to it.
static MANAGER: LazyLock<ConnectionManager> = LazyLock::new(|| {
    let address = Address::parse("postgres://user@127.0.0.1:1/database").expect("an address");
    let options = Options {
        pool_size: 2,
        min_idle: 0,
        max_lifetime: Duration::from_secs(60),
        step_timeout: Duration::from_secs(1),
        statement_mode: None,
    };
    ConnectionManager::new(&address, connection::Role::Only, &[], &options, Arc::default())
});

/// What became of the transaction.
struct Outcome {
    rows: Result<usize, TransactionError>,
    is_dirty: bool,
    is_at_rest: bool,
}

pub fn driver(input: &[u8]) -> bool {
    let Some(end) = input.iter().position(|byte| *byte == b'\n') else { return false };
    let (first, sent) = input.split_at(end);
    let (query, sent) = (if first == b"write" { &WRITE } else { &READ }, sent.get(1..).unwrap_or_default());

    // A runtime of its own: what the connection leaves behind ends with it.
    let runtime = Builder::new_current_thread().enable_time().build().expect("a runtime");
    let outcome = runtime.block_on(within(Duration::from_secs(10), exchange(query, sent)));
    let Some(outcome) = outcome.expect("the transaction does not end") else { return false };

    let kinds = kinds(sent);
    let ready = kinds.iter().filter(|kind| **kind == b'Z').count();
    // The login and the Syncs of the transaction. What comes later answers nothing.
    let last = if query.kind == Kind::Read { 2 } else { 3 };
    let end = kinds.iter().enumerate().filter(|(_, kind)| **kind == b'Z').map(|(at, _)| at + 1).nth(last - 1);
    let kinds = kinds.get(..end.unwrap_or(kinds.len())).unwrap_or_default();
    let count = |wanted: &[u8]| kinds.iter().filter(|kind| wanted.contains(kind)).count();
    // Done, empty or suspended: BEGIN, the identity, the query and COMMIT.
    let all_done = count(b"CIs") >= 4;
    let (rows, errors) = (count(b"D"), count(b"E"));
    match &outcome.rows {
        Ok(found) => {
            assert!(all_done, "success after {kinds:?}");
            assert!(*found <= rows, "{found} rows of {rows}");
            assert_eq!(errors, 0, "success in spite of an error");
        }
        Err(failed) => {
            let says_nothing_changed = !failed.may_have_changed
                && matches!(
                    sqlstate::refusal(&failed.error, &ConstraintMessages::default()),
                    Refusal::Busy(_)
                );
            let has_changed = query.kind != Kind::Read && all_done && errors == 0;
            assert!(
                !(says_nothing_changed && has_changed),
                "it says that nothing was changed: {:?}",
                failed.error
            );
        }
    }
    // The login, and at least one Sync of the transaction.
    assert!(outcome.is_dirty || !outcome.is_at_rest || ready >= 2, "used again before it is ready");
    outcome.rows.is_ok()
}

/// Logs in and runs a transaction. `None` if the login fails.
async fn exchange(query: &'static Query, sent: &[u8]) -> Option<Outcome> {
    let (here, there) = duplex(16 * 1024);
    let (mut reading, mut writing) = tokio::io::split(there);
    // The server sends as many ReadyForQuery as it got Syncs. The driver refuses what comes before it has asked.
    let server = async {
        let (mut rest, mut asked, mut received) = (sent, 1, Vec::new());
        loop {
            while asked > 0 {
                let (part, after) = until_ready(rest);
                let _ = writing.write_all(part).await;
                (rest, asked) = (after, asked - 1);
            }
            if rest.is_empty() {
                let _ = writing.shutdown().await;
            }
            let mut part = [0; 4096];
            match reading.read(&mut part).await {
                Ok(length @ 1..) => received.extend_from_slice(part.get(..length).unwrap_or_default()),
                _ => return,
            }
            while let Some(at) = received.windows(SYNC.len()).position(|part| part == SYNC) {
                received.drain(..at + SYNC.len());
                asked += 1;
            }
        }
    };
    let client = async {
        let pipeline = Pipeline::default();
        let stream = PipelineStream::new(here, pipeline.clone());
        let mut config = Config::new();
        config.user("user").password("password");
        let (client, connection) = config.connect_raw(stream, NoTls).await.ok()?;
        let driver = tokio::spawn(connection);
        let mut connection = PooledConnection {
            client,
            pipeline,
            backend: Backend::default(),
            prepared: None,
            transaction_settings: None,
            generation: 0,
            manager: MANAGER.clone(),
            log: None,
            dirty: false,
            is_overdue: false,
        };
        let user = UserId::from("alice");
        let result =
            transaction::run(&mut connection, &user, &query.bind(vec![parameter(7_i64)]), None).await;
        let is_at_rest = connection.pipeline.is_at_rest() && !connection.client.is_closed();
        driver.abort();
        let rows = result.map(|(rows, _)| {
            for row in &rows {
                // As tasks are read from rows. A row of another shape is an error, and no panic.
                let _ =
                    (row.try_get::<_, i64>(0), row.try_get::<_, &str>(1), row.try_get::<_, Option<bool>>(4));
                let _ = row.try_get::<_, jiff::Timestamp>(5);
            }
            rows.len()
        });
        Some(Outcome { rows, is_dirty: connection.dirty, is_at_rest })
    };
    tokio::select! {
        outcome = client => outcome,
        () = async { server.await; std::future::pending().await } => None,
    }
}

/// The messages up to the next ReadyForQuery, and the rest.
fn until_ready(bytes: &[u8]) -> (&[u8], &[u8]) {
    let mut rest = bytes;
    while let Some((header, after)) = rest.split_first_chunk::<5>() {
        let [kind, length @ ..] = *header;
        let content = (u32::from_be_bytes(length) as usize).saturating_sub(4);
        rest = after.get(content..).unwrap_or_default();
        if kind == b'Z' {
            return bytes.split_at(bytes.len() - rest.len());
        }
    }
    (bytes, &[])
}

/// The types of the messages, up to the first that is not complete.
fn kinds(mut bytes: &[u8]) -> Vec<u8> {
    let mut kinds = Vec::new();
    while let Some((header, rest)) = bytes.split_first_chunk::<5>() {
        let [kind, length @ ..] = *header;
        kinds.push(kind);
        let content = (u32::from_be_bytes(length) as usize).saturating_sub(4);
        bytes = rest.get(content..).unwrap_or_default();
    }
    kinds
}
