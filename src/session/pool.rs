//! Pooled connections: each has prepared statements, and a mark that says that it must not be used again.

use std::collections::HashMap;
use std::time::Duration;

use bb8::{ErrorSink, ManageConnection};
use bb8_postgres::PostgresConnectionManager;
use futures_util::FutureExt;
use futures_util::future::try_join_all;
use tokio::time::timeout;
use tokio_postgres::{Client, Error, Statement};

use super::Query;
use super::pipeline::Pipeline;
use super::transport::{self, Transport};
use crate::database::{Address, ConnectError};

/// The statements that every connection prepares beside the queries.
const SESSION_STATEMENTS: [(&str, &str); 8] = [
    ("session/begin_read", include_str!("../../sql/session/begin_read.sql")),
    ("session/begin", include_str!("../../sql/session/begin.sql")),
    ("session/identify", include_str!("../../sql/session/identify.sql")),
    ("session/commit", include_str!("../../sql/session/commit.sql")),
    ("session/rollback", include_str!("../../sql/session/rollback.sql")),
    ("session/probe", include_str!("../../sql/session/probe.sql")),
    ("session/assume_role", include_str!("../../sql/session/assume_role.sql")),
    ("session/probe_without_identity", include_str!("../../sql/session/probe_without_identity.sql")),
];

const SEARCH_PATH: &str = include_str!("../../sql/session/search_path.sql");
const PLANNER: &str = include_str!("../../sql/session/planner.sql");
const TIMEOUTS: &str = include_str!("../../sql/session/timeouts.sql");

/// A connection with its prepared statements.
pub(super) struct PooledConnection {
    pub(super) client: Client,
    pub(super) pipeline: Pipeline,
    statements: HashMap<&'static str, Statement>,
    /// Set while a transaction is open. It stays set if it is not known that the transaction ended. The connection may then
    /// still have an identity and a role, so the pool must not give it to another user.
    pub(super) dirty: bool,
}

impl PooledConnection {
    /// The prepared statement of `sql/<name>.sql`.
    pub(super) fn statement(&self, name: &str) -> &Statement {
        self.statements
            .get(name)
            .expect("the manager prepares the session's statements and every query on each connection")
    }
}

impl Drop for PooledConnection {
    /// A transaction that was abandoned may have been sent without a Sync. Postgres answers nothing until a Sync comes,
    /// and the driver waits for every answer before it closes the connection. Without this rollback neither would end.
    fn drop(&mut self) {
        if self.dirty {
            self.pipeline.omit_syncs(0);
            // The first poll hands the statement to the driver.
            let _ = self.client.execute(self.statement("session/rollback"), &[]).now_or_never();
        }
    }
}

/// Opens connections and prepares their statements.
pub(super) struct ConnectionManager {
    address: Address,
    queries: &'static [&'static Query],
    step_timeout: Duration,
}

impl ConnectionManager {
    pub(super) fn new(address: &Address, queries: &'static [&'static Query], step_timeout: Duration) -> Self {
        Self { address: address.clone(), queries, step_timeout }
    }

    async fn open(&self) -> Result<PooledConnection, ConnectError> {
        let pipeline = Pipeline::default();
        let client = if self.address.is_socket() {
            transport::connect_socket(self.address.config(), pipeline.clone()).await?
        } else {
            let (transport, config) =
                Transport::new(self.address.config(), self.address.tls(), pipeline.clone());
            PostgresConnectionManager::new(config, transport).connect().await?
        };
        client.batch_execute(SEARCH_PATH).await?;
        client.batch_execute(PLANNER).await?;
        client.query(TIMEOUTS, &[&self.step_timeout.as_millis().to_string()]).await?;

        let queries = self.queries.iter().map(|query| (query.name, query.sql));
        let prepared = SESSION_STATEMENTS.into_iter().chain(queries).map(async |(name, sql)| {
            let statement = client.prepare(sql).await?;
            tracing::debug!(query = name, "prepared");
            Ok::<_, Error>((name, statement))
        });
        let statements = try_join_all(prepared).await?.into_iter().collect();

        Ok(PooledConnection { client, pipeline, statements, dirty: false })
    }
}

impl ManageConnection for ConnectionManager {
    type Connection = PooledConnection;
    type Error = ConnectError;

    /// bb8 counts a connection that is being opened as one of its own, and waits for it without a limit. Without a time
    /// limit here, a server that accepts connections and never answers would use up the whole pool.
    async fn connect(&self) -> Result<PooledConnection, ConnectError> {
        timeout(2 * self.step_timeout, self.open()).await.unwrap_or(Err(ConnectError::TimedOut))
    }

    /// Checks only what is known on this side: a ping would cost a quarter of the throughput.
    async fn is_valid(&self, connection: &mut PooledConnection) -> Result<(), ConnectError> {
        if self.has_broken(connection) { Err(ConnectError::Closed) } else { Ok(()) }
    }

    fn has_broken(&self, connection: &mut PooledConnection) -> bool {
        connection.dirty || connection.client.is_closed()
    }
}

/// Logs why a connection could not be opened. bb8 tells the waiting request only that it waited too long.
#[derive(Clone, Copy, Debug)]
pub(super) struct LogConnectErrors;

impl ErrorSink<ConnectError> for LogConnectErrors {
    fn sink(&self, error: ConnectError) {
        tracing::warn!(cause = %error, "cannot open a connection to the database");
    }

    fn boxed_clone(&self) -> Box<dyn ErrorSink<ConnectError>> {
        Box::new(*self)
    }
}
