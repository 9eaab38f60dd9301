//! Opens the connections of the pool, and decides which are used again.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bb8::{ErrorSink, ManageConnection};
use futures_util::future::try_join_all;
use tokio::sync::{Semaphore, watch};
use tokio_postgres::{Client, Error};

use super::connection::{Backend, LogView, PooledConnection, Role, Settings};
use super::figures::{Closed, PoolCounts};
use super::lost::LostBackends;
use super::opening::{Server, Slot};
use super::pipeline::Pipeline;
use super::statements::{
    CONNECTION, LINEAGE, PRIMARY_STATEMENTS, REPLICA_STATEMENTS, REQUEST_STATEMENTS, Statement,
};
use super::wal::Lineage;
use super::{Options, Query, StatementMode, hosts, sqlstate};
use crate::database::{Address, ConnectError};
use crate::time_limit::within;

/// Opens connections, and decides which are used again.
#[derive(Clone)]
pub(super) struct ConnectionManager {
    pub(super) address: Address,
    pub(super) role: Role,
    queries: &'static [&'static Query],
    pub(super) step_timeout: Duration,
    statement_mode: Option<StatementMode>,
    /// One for each connection of the pool. A connection keeps its slot until its backend has ended.
    slots: Arc<Semaphore>,
    /// One for the connection that may be open for a look at the database.
    looks: Arc<Semaphore>,
    server: Arc<Server>,
    pub(super) state: Arc<PoolState>,
}

/// What the process has learned about its connections.
#[derive(Debug, Default)]
pub(super) struct PoolState {
    /// Connections of an older generation are not used again.
    generation: AtomicU64,
    /// Whether prepared statements were lost, so that a pooler must be between.
    prepared_were_lost: AtomicBool,
    /// How many connections were given back before they were at rest.
    unfinished: AtomicU64,
    pub(super) lost: LostBackends,
    pub(super) counts: PoolCounts,
    /// The nodes of a distributed database that did not answer the last look.
    lost_nodes: Mutex<Vec<String>>,
    /// Why the last connection could not be opened.
    connect_failure: watch::Sender<Option<Arc<ConnectError>>>,
}

impl PoolState {
    /// Logs which nodes of a distributed database do not answer, when others do not than before.
    pub(super) fn note_lost_nodes(&self, lost: &[String]) {
        let mut before = self.lost_nodes.lock().unwrap_or_else(PoisonError::into_inner);
        if *before == lost {
            return;
        }
        if lost.is_empty() {
            tracing::info!("all nodes of the database answer again");
        } else {
            tracing::warn!(
                error.message = lost.join(", "),
                "nodes of the database do not answer: the users whose tasks they have are refused"
            );
        }
        *before = lost.to_vec();
    }

    /// Replaces every connection that is open now, before it is used again.
    pub(super) fn renew_connections(&self) {
        self.generation.fetch_add(1, Relaxed);
    }

    /// Uses unnamed statements from now on.
    pub(super) fn leave_prepared_statements(&self) {
        if !self.prepared_were_lost.swap(true, Relaxed) {
            self.renew_connections();
            tracing::error!(
                rowkeep.advice = "a connection pooler is between this server and Postgres. Statements are sent unnamed from now \
                                  on; set DATABASE_STATEMENTS=unnamed, and restart the pooler, whose connections can have \
                                  settings of this server",
                "prepared statements were lost"
            );
        }
    }

    /// Whether prepared statements were lost.
    pub(super) fn has_lost_prepared_statements(&self) -> bool {
        self.prepared_were_lost.load(Relaxed)
    }

    /// Resolves when a connection cannot be opened.
    pub(super) async fn connect_failure(&self) -> Arc<ConnectError> {
        let mut failures = self.connect_failure.subscribe();
        loop {
            // The sender lives as long as `self`.
            let _ = failures.changed().await;
            if let Some(failure) = failures.borrow_and_update().clone() {
                return failure;
            }
        }
    }

    /// How many connections were given back before they were at rest. It stays 0 unless this program has a fault.
    pub(super) fn unfinished(&self) -> u64 {
        self.unfinished.load(Relaxed)
    }
}

impl ConnectionManager {
    pub(super) fn new(
        address: &Address,
        role: Role,
        queries: &'static [&'static Query],
        options: &Options,
        state: Arc<PoolState>,
    ) -> Self {
        Self {
            address: address.clone(),
            role,
            queries,
            step_timeout: options.step_timeout,
            statement_mode: options.statement_mode,
            slots: Arc::new(Semaphore::new(options.request_connections() as usize)),
            looks: Arc::new(Semaphore::new(1)),
            server: Arc::new(Server::new(address.clone())),
            state,
        }
    }

    /// Opens a connection that is not of the pool, for one look at the database. It prepares no statements. Waits until the
    /// last connection for a look has ended.
    pub(super) async fn open_for_a_look(&self) -> Result<PooledConnection, ConnectError> {
        let (mut connection, settings) = self.connect_in(&self.looks).await?;
        connection.transaction_settings = Some(settings);
        Ok(connection)
    }

    /// Opens a connection in one of these slots, and asks what its server says about it.
    async fn connect_in(&self, slots: &Arc<Semaphore>) -> Result<(PooledConnection, Settings), ConnectError> {
        let permit = slots.clone().acquire_owned().await.map_err(|_| ConnectError::Closed)?;
        let slot = Slot::new(permit, self.server.clone());
        let opened = async {
            let pipeline = Pipeline::with_slot(slot.clone());
            let client = hosts::connect(&self.address.refreshed()?, &pipeline, 2 * self.step_timeout).await?;
            self.describe(client, pipeline).await
        };
        let opened = tokio::select! {
            biased;
            opened = opened => opened,
            () = slot.answers_again() => Err(ConnectError::TimedOut),
        };
        self.state.counts.set_reachable(opened.is_ok());
        opened
    }

    async fn open(&self) -> Result<PooledConnection, ConnectError> {
        let (mut connection, settings) = self.connect_in(&self.slots).await?;
        connection.pipeline.opened();
        let is_pooled = connection.backend.is_pooled;

        let has_lost = self.state.has_lost_prepared_statements();
        let is_shared = is_pooled || has_lost || self.is_unnamed_by_address();
        let is_named = !is_shared || !has_lost && self.statement_mode == Some(StatementMode::Prepared);
        if is_pooled && is_named {
            tracing::warn!(
                rowkeep.advice = "DATABASE_STATEMENTS=prepared: the pooler must support prepared statements (PgBouncer 1.21 or \
                                  newer with max_prepared_statements)",
                "a connection pooler is between this server and Postgres"
            );
        }
        if is_shared {
            connection.transaction_settings = Some(settings);
        } else {
            connection.apply(&settings, false).await?;
        }
        if is_named {
            connection.prepared = Some(self.prepare(&connection.client).await?);
        }
        Ok(connection)
    }

    /// A new connection with what its server says about it, and the settings of requests.
    async fn describe(
        &self,
        client: Client,
        pipeline: Pipeline,
    ) -> Result<(PooledConnection, Settings), ConnectError> {
        let generation = self.state.generation.load(Relaxed);

        let mut connection = PooledConnection {
            client,
            pipeline,
            backend: Backend::default(),
            prepared: None,
            transaction_settings: None,
            generation,
            manager: self.clone(),
            log: None,
            dirty: false,
            is_overdue: false,
        };

        let rows = connection.run(&CONNECTION, &[]).await?;
        let row = rows.first().ok_or(ConnectError::Closed)?;
        let process_id: i32 = row.try_get("process_id")?;
        let backend = Backend {
            process_id,
            opened_at: row.try_get("opened_at")?,
            is_pooled: u32::try_from(process_id) != Ok(connection.pipeline.process_id()),
        };
        connection.backend = backend;
        let limit = |column| Ok::<_, Error>(self.lower_limit(row.try_get(column)?));
        let settings =
            Settings([limit("statement_timeout")?, limit("lock_timeout")?, limit("idle_timeout")?]);
        if !matches!(self.role, Role::Only) {
            let rows = connection.run(&LINEAGE, &[]).await?;
            let lineage = Lineage::of(rows.first().ok_or(ConnectError::Closed)?)?;
            connection.log = Some(LogView::new(lineage));
        }
        Ok((connection, settings))
    }

    /// Whether the configuration already says that a pooler is between.
    fn is_unnamed_by_address(&self) -> bool {
        match self.statement_mode {
            Some(mode) => mode == StatementMode::Unnamed,
            None => self.address.is_of_pooler(),
        }
    }

    /// The lower one of the login's limit and ours, in milliseconds. 0 is no limit.
    fn lower_limit(&self, of_login: &str) -> String {
        let ours = self.step_timeout.as_millis();
        let of_login = of_login.parse().ok().filter(|limit| *limit > 0);
        of_login.map_or(ours, |limit: u128| limit.min(ours)).to_string()
    }

    async fn prepare(
        &self,
        client: &Client,
    ) -> Result<HashMap<&'static str, tokio_postgres::Statement>, Error> {
        let queries = self.queries.iter().map(|query| &query.statement);
        let of_role: &[&Statement] = match self.role {
            Role::Only => &[],
            Role::Primary(_) => &PRIMARY_STATEMENTS,
            Role::Replica(_) => &REPLICA_STATEMENTS,
        };
        let statements = REQUEST_STATEMENTS.into_iter().chain(of_role.iter().copied()).chain(queries);
        let prepared = statements.map(async |statement| {
            let types: Vec<_> = statement.parameter_types.iter().map(|kind| kind.driver_type()).collect();
            let prepared = client.prepare_typed(statement.sql, &types).await?;
            tracing::debug!(rowkeep.query = statement.name, "prepared");
            Ok::<_, Error>((statement.name, prepared))
        });
        Ok(try_join_all(prepared).await?.into_iter().collect())
    }
}

impl ManageConnection for ConnectionManager {
    type Connection = PooledConnection;
    type Error = ConnectError;

    /// bb8 counts a connection that is being opened as one of its own, and waits for it without a limit. Without a time
    /// limit here, a server that accepts connections and never answers would use up the whole pool.
    async fn connect(&self) -> Result<PooledConnection, ConnectError> {
        let opened = within(2 * self.step_timeout, self.open()).await;
        if opened.is_none() {
            self.state.counts.set_reachable(false);
        }
        opened.unwrap_or(Err(ConnectError::TimedOut))
    }

    /// Checks only what is known on this side: a ping would cost a quarter of the throughput.
    async fn is_valid(&self, connection: &mut PooledConnection) -> Result<(), ConnectError> {
        let is_broken = connection.dirty
            || connection.client.is_closed()
            || connection.generation < self.state.generation.load(Relaxed);
        if is_broken { Err(ConnectError::Closed) } else { Ok(()) }
    }

    /// Called when a connection is given back. Its transaction has ended then, and its answers were read.
    fn has_broken(&self, connection: &mut PooledConnection) -> bool {
        let reason = if connection.is_overdue {
            Some(Closed::Overdue)
        } else if connection.client.is_closed() {
            Some(Closed::Lost)
        } else if connection.dirty {
            Some(Closed::Failed)
        } else if !connection.pipeline.is_at_rest() {
            self.state.unfinished.fetch_add(1, Relaxed);
            tracing::error!("a connection was given back before its last answer was read: it is closed");
            Some(Closed::Unfinished)
        } else if connection.generation < self.state.generation.load(Relaxed) {
            Some(Closed::Renewed)
        } else {
            None
        };
        if let Some(reason) = reason {
            self.state.counts.closed(reason);
        }
        reason.is_some()
    }
}

/// Logs why a connection could not be opened, and tells those who wait for it. bb8 tells a request only that it waited too
/// long. The second value is whether the connection was one to a replica.
#[derive(Clone, Debug)]
pub(super) struct ConnectErrors(pub(super) Arc<PoolState>, pub(super) bool);

impl ErrorSink<ConnectError> for ConnectErrors {
    fn sink(&self, error: ConnectError) {
        if matches!(error, ConnectError::Closed) {
            tracing::debug!("a connection to the database is replaced");
            return;
        }
        if let ConnectError::Refused(error) = &error
            && sqlstate::lost_prepared_statement(error)
        {
            self.0.leave_prepared_statements();
        }
        self.0.counts.connect_failed();
        if self.1 {
            tracing::warn!(error.message = %error, "cannot open a connection to a read replica");
        } else {
            tracing::warn!(error.message = %error, "cannot open a connection to the database");
        }
        self.0.connect_failure.send_replace(Some(Arc::new(error)));
    }

    fn boxed_clone(&self) -> Box<dyn ErrorSink<ConnectError>> {
        Box::new(self.clone())
    }
}
