//! A connection of the pool: it runs the statements of requests, and has a mark that says that it must not be used again.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::runtime::Handle;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error, Row};

use super::pipeline::Pipeline;
use super::pool::ConnectionManager;
use super::primary_log::PrimaryLog;
use super::statements::{ROLLBACK, SETTINGS, Statement};
use super::wal::{Lineage, WalPosition};
use crate::time_limit::within;

/// How long a connection that was given up may take to end.
const ABANDON_TIMEOUT: Duration = Duration::from_secs(2);

/// A connection that can run the statements of requests.
pub(super) struct PooledConnection {
    pub(super) client: Client,
    pub(super) pipeline: Pipeline,
    pub(super) backend: Backend,
    /// The prepared statements by name; none: statements are sent unnamed.
    pub(super) prepared: Option<HashMap<&'static str, tokio_postgres::Statement>>,
    /// The settings of each transaction; none: they are set for the session.
    pub(super) transaction_settings: Option<Settings>,
    pub(super) generation: u64,
    pub(super) manager: ConnectionManager,
    /// Only where read replicas are configured.
    pub(super) log: Option<LogView>,
    /// Set while a transaction is open. It stays set if it is not known that the transaction ended. The connection may then
    /// still have an identity and a role, so the pool must not give it to another user.
    pub(super) dirty: bool,
    /// Whether its transaction had not ended at the deadline.
    pub(super) is_overdue: bool,
}

/// A process of Postgres.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Backend {
    pub(super) process_id: i32,
    /// When it was open, in seconds since 1970 on the server's clock: a later process can have the same id. Empty: the
    /// backend is not known.
    pub(super) opened_at: String,
    /// Whether a connection pooler stands between this process and the backend, which then serves others as well.
    pub(super) is_pooled: bool,
}

/// What the servers of a pool are for.
#[derive(Clone, Debug)]
pub(super) enum Role {
    /// Everything: there are no read replicas.
    Only,
    /// Changes, and the reads that go to no replica.
    Primary(Arc<PrimaryLog>),
    /// Reads. The number is the place of the replica in the setting, from 1.
    Replica(usize),
}

impl Role {
    /// The number of the replica.
    pub(super) fn replica(&self) -> Option<usize> {
        if let Self::Replica(number) = self { Some(*number) } else { None }
    }
}

/// What a connection has seen of the write-ahead log of its server.
#[derive(Debug)]
pub(super) struct LogView {
    /// Where the connection leads.
    pub(super) lineage: Lineage,
    /// How far the standby had replayed the log when it was asked last; 0 if it is none.
    pub(super) replayed: u64,
    /// The last transaction has seen at least what was replayed up to here; none if the server is no standby any more.
    pub(super) at_least: Option<u64>,
    /// The last transaction has seen nothing after this; none if the server is no primary or no standby any more.
    pub(super) at_most: Option<WalPosition>,
}

impl LogView {
    pub(super) fn new(lineage: Lineage) -> Self {
        Self { lineage, replayed: 0, at_least: None, at_most: None }
    }
}

/// The time limits of a connection, in milliseconds: those of `statement_timeout`, `lock_timeout` and
/// `idle_in_transaction_session_timeout`.
pub(super) struct Settings(pub(super) [String; 3]);

impl PooledConnection {
    /// Runs one statement, prepared or unnamed.
    pub(super) async fn run(
        &self,
        statement: &Statement,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, Error> {
        match &self.prepared {
            Some(prepared) => {
                let statement = prepared.get(statement.name).expect(
                    "the manager prepares the session's statements and every query on each connection",
                );
                self.client.query(statement, parameters).await
            }
            None => run_unnamed(&self.client, statement, parameters).await,
        }
    }

    /// Whether statements are prepared, and sent by name.
    pub(super) fn is_prepared(&self) -> bool {
        self.prepared.is_some()
    }

    /// Closes the connection, and waits until its backend has ended.
    pub(super) async fn close(self) {
        let pipeline = self.pipeline.clone();
        drop(self);
        within(ABANDON_TIMEOUT, pipeline.ended()).await;
    }

    /// Applies settings until the transaction ends, or for the session.
    pub(super) async fn apply(&self, settings: &Settings, in_transaction: bool) -> Result<(), Error> {
        let Settings([statement, lock, idle]) = settings;
        self.run(&SETTINGS, &[&in_transaction, statement, lock, idle]).await.map(drop)
    }
}

/// Sends a statement whole, without preparing it under a name.
pub(super) async fn run_unnamed(
    client: &Client,
    statement: &Statement,
    parameters: &[&(dyn ToSql + Sync)],
) -> Result<Vec<Row>, Error> {
    let types = statement.parameter_types.iter().map(|parameter| parameter.driver_type());
    let parameters: Vec<_> = parameters.iter().copied().zip(types).collect();
    client.query_typed(statement.sql, &parameters).await
}

impl Drop for PooledConnection {
    /// A transaction that was abandoned may have been sent without a Sync. Postgres answers nothing until a Sync comes,
    /// and the driver waits for every answer before it closes the connection. Without this rollback neither would end.
    fn drop(&mut self) {
        if self.dirty {
            self.pipeline.omit_syncs(0);
            // The first poll hands the statement to the driver.
            let _ = self.run(&ROLLBACK, &[]).now_or_never();
        }
        // Outside of the runtime the program ends, and every connection with it.
        if let Ok(runtime) = Handle::try_current() {
            let (pipeline, backend) = (self.pipeline.clone(), self.backend.clone());
            let manager = self.manager.clone();
            runtime.spawn(async move {
                within(ABANDON_TIMEOUT, pipeline.ended()).await;
                manager.give_up(&pipeline, backend, None);
            });
        }
    }
}
