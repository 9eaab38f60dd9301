//! Runs queries as a user: one transaction and one round trip for each request. Only this module uses the pool.
//!
//! A request is one transaction of four prepared statements: `BEGIN`, `select app.identify($1)`, the query, `COMMIT`.
//! (A page of a list with the length of the list has five.) The driver gets all of them before any answer is awaited.
//! tokio-postgres sends in the order of polling, so they leave in one write. One Sync follows them, or two if the query
//! writes (see `pipeline`). This has three consequences:
//!
//! - No query runs outside the transaction: Postgres executes none after a `BEGIN` that failed. Nothing that a client
//!   sends can make it fail, because the text of `BEGIN` is a constant and the identity is a bound parameter. Every query
//!   that reaches existing rows also binds `user_id = $1` itself.
//! - The driver cannot tell a `COMMIT` from the `ROLLBACK` that Postgres answers in a failed transaction. So an error in
//!   any statement makes the whole answer an error, and rows are returned only after all statements succeeded.
//! - The transaction runs in its own task, so a client that disconnects cannot stop it half-way. A connection whose
//!   transaction was not seen to end is closed and never used again.

mod pipeline;
mod pool;
mod probe;
mod sqlstate;
mod transport;

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use bb8::{Pool, RunError};
use futures_util::future::{OptionFuture, join5};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, Row};
use tracing::Instrument;

use crate::auth::UserId;
use crate::database::Address;
use crate::refusal::{ConstraintMessages, Refusal};
use pool::{ConnectionManager, PooledConnection};
pub use probe::ProbeError;

/// A statement of `sql/`, and the kind of transaction it needs.
#[derive(Debug)]
pub struct Query {
    name: &'static str,
    sql: &'static str,
    kind: Kind,
    /// Whether it reads every row of the user, however many there are.
    is_full_scan: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Read,
    Write,
    Insert,
}

impl Query {
    /// Reads rows of the user, who is bound as `$1`, in a read-only transaction.
    pub const fn read(name: &'static str, sql: &'static str) -> Self {
        Self { name, sql, kind: Kind::Read, is_full_scan: false }
    }

    /// Like [`Query::read`], for a query that must look at every row of the user. Each can keep a processor of the database
    /// busy for seconds, so only a few of them run at the same time.
    pub const fn full_scan(name: &'static str, sql: &'static str) -> Self {
        Self { name, sql, kind: Kind::Read, is_full_scan: true }
    }

    /// Updates or deletes rows of the user, who is bound as `$1`.
    pub const fn write(name: &'static str, sql: &'static str) -> Self {
        Self { name, sql, kind: Kind::Write, is_full_scan: false }
    }

    /// Inserts a row. It binds no user: `user_id` is the default of its column, and the policy checks it.
    pub const fn insert(name: &'static str, sql: &'static str) -> Self {
        Self { name, sql, kind: Kind::Insert, is_full_scan: false }
    }

    /// This query with its parameters. They follow the user id if the query binds one.
    pub fn bind(&'static self, parameters: Vec<Parameter>) -> BoundQuery {
        BoundQuery { query: self, parameters }
    }
}

/// A parameter of a query.
pub type Parameter = Box<dyn ToSql + Send + Sync>;

pub fn parameter(value: impl ToSql + Send + Sync + 'static) -> Parameter {
    Box::new(value)
}

/// A query with its parameters, except the user id.
pub struct BoundQuery {
    query: &'static Query,
    parameters: Vec<Parameter>,
}

/// The size of the pool, and time limits.
#[derive(Clone, Debug)]
pub struct Options {
    /// The largest number of connections.
    pub pool_size: u32,
    /// How many connections stay open while nothing uses them.
    pub min_idle: u32,
    /// The age at which a connection is replaced.
    pub max_lifetime: Duration,
    /// Time limit for each step: waiting for a permit, waiting for a connection, and each statement in Postgres. A query
    /// takes at most three steps, two queries four, and full scans one more for their second permit.
    pub step_timeout: Duration,
}

thread_local! {
    static TRANSACTION_STARTED: Cell<bool> = const { Cell::new(false) };
}

/// Calls `poll`, and returns as well whether that started a transaction, which then runs to its end even if nobody waits for
/// it.
pub fn watch_transactions<T>(poll: impl FnOnce() -> T) -> (T, bool) {
    TRANSACTION_STARTED.set(false);
    let polled = poll();
    (polled, TRANSACTION_STARTED.get())
}

/// Runs queries over a pool of connections.
#[derive(Clone)]
pub struct Session {
    pool: Pool<ConnectionManager>,
    /// One permit for each connection. bb8 gives a free connection to the task that asks first, not to the one that waits
    /// longest. With 1000 concurrent requests p95 was 2.2 s without this queue, and is 0.35 s with it.
    permits: Arc<Semaphore>,
    /// The permits of full scans: one for four connections, which is about one for each processor of the database. With
    /// more, all of them would be too slow, and other requests would get no connection.
    scan_permits: Arc<Semaphore>,
    pool_size: u32,
    step_timeout: Duration,
    constraint_messages: Arc<ConstraintMessages>,
}

/// A user who runs queries.
#[derive(Clone)]
pub struct Caller {
    session: Session,
    user: UserId,
}

impl Caller {
    /// Runs a query as this user, in its own transaction and in one round trip.
    ///
    /// The rows are returned only after the commit is acknowledged. Dropping the future does not stop the query: it runs
    /// to its end, and its result is lost.
    ///
    /// # Errors
    /// [`Refusal::Busy`] if no connection came free in time or the database cannot be reached; [`Refusal::Invalid`] if a
    /// constraint refused a value; [`Refusal::Broken`] otherwise.
    pub async fn query(&self, query: BoundQuery) -> Result<Vec<Row>, Refusal> {
        let (rows, _) = self.session.run(self.user.clone(), query, None).await?;
        Ok(rows)
    }

    /// Runs two queries of the same kind as this user, in one transaction and in one round trip.
    ///
    /// # Errors
    /// As [`Caller::query`].
    pub async fn query_both(
        &self,
        first: BoundQuery,
        second: BoundQuery,
    ) -> Result<(Vec<Row>, Vec<Row>), Refusal> {
        self.session.run(self.user.clone(), first, Some(second)).await
    }

    pub fn user(&self) -> &UserId {
        &self.user
    }
}

impl Session {
    /// Opens a session that can run `queries`, and checks that Postgres restricts its transactions.
    ///
    /// # Errors
    /// A sentence that says what is missing or wrong, and what to do.
    pub async fn open(
        address: &Address,
        options: &Options,
        queries: &'static [&'static Query],
        constraint_messages: ConstraintMessages,
    ) -> Result<Self, ProbeError> {
        let manager = ConnectionManager::new(address, queries, options.step_timeout);
        let pool = Pool::builder()
            .max_size(options.pool_size)
            .min_idle(options.min_idle)
            .max_lifetime(options.max_lifetime)
            .connection_timeout(options.step_timeout)
            .error_sink(Box::new(pool::LogConnectErrors))
            .build_unchecked(manager);

        let session = Self {
            pool,
            permits: Arc::new(Semaphore::new(options.pool_size as usize)),
            scan_permits: Arc::new(Semaphore::new((options.pool_size as usize / 4).max(1))),
            pool_size: options.pool_size,
            step_timeout: options.step_timeout,
            constraint_messages: Arc::new(constraint_messages),
        };
        session.probe().await?;
        Ok(session)
    }

    /// This session with a user to run queries as.
    pub fn caller(&self, user: UserId) -> Caller {
        Caller { session: self.clone(), user }
    }

    /// Waits until every running query has ended. No query can start afterwards.
    pub async fn close(&self) {
        if let Ok(permits) = self.permits.acquire_many(self.pool_size).await {
            permits.forget();
        }
    }

    async fn run(
        &self,
        user: UserId,
        first: BoundQuery,
        second: Option<BoundQuery>,
    ) -> Result<(Vec<Row>, Vec<Row>), Refusal> {
        let queries = [Some(&first), second.as_ref()];
        let is_full_scan = queries.iter().flatten().any(|bound| bound.query.is_full_scan);
        let scan_permit =
            if is_full_scan { Some(acquire(&self.scan_permits, self.step_timeout).await?) } else { None };
        let permit = acquire(&self.permits, self.step_timeout).await?;
        // This deadline is for a server that does not answer at all: it is later than the limits for getting a connection
        // and for each statement in Postgres. A statement that is given up here may still take effect.
        let statements = if second.is_some() { 2 } else { 1 };
        let deadline = Instant::now() + (1 + statements) * self.step_timeout;
        let session = self.clone();
        let work = async move {
            let _permits = (scan_permit, permit);
            let run = session.run_with_permit(&user, &first, second.as_ref());
            match timeout_at(deadline, run).await {
                Ok(rows) => rows,
                Err(_) => Err(Refusal::Busy("the database does not answer".into())),
            }
        };

        TRANSACTION_STARTED.set(true);
        tokio::spawn(work.in_current_span()).await.unwrap_or_else(|panic| Err(Refusal::Broken(panic.into())))
    }

    async fn run_with_permit(
        &self,
        user: &UserId,
        first: &BoundQuery,
        second: Option<&BoundQuery>,
    ) -> Result<(Vec<Row>, Vec<Row>), Refusal> {
        let mut connection = self.pool.get().await.map_err(|error| match error {
            RunError::User(error) => Refusal::Busy(error.into()),
            RunError::TimedOut => Refusal::Busy("the database cannot be reached".into()),
        })?;

        let started = Instant::now();
        let rows = run_transaction(&mut connection, user, first, second).await;
        let micros = started.elapsed().as_micros() as u64;
        for bound in [Some(first), second].into_iter().flatten() {
            tracing::debug!(query = bound.query.name, micros, "query");
        }

        rows.map_err(|error| sqlstate::refusal(&error, &self.constraint_messages))
    }
}

/// Waits for a permit. Permits are given in the order of waiting.
async fn acquire(permits: &Arc<Semaphore>, limit: Duration) -> Result<OwnedSemaphorePermit, Refusal> {
    match timeout(limit, permits.clone().acquire_owned()).await {
        Ok(Ok(permit)) => Ok(permit),
        _ => Err(Refusal::Busy("every connection is in use".into())),
    }
}

/// Sends BEGIN, the identity, one query or two of the same kind, and COMMIT in one write. Leaves the connection dirty
/// unless it is certain that its transaction has ended.
async fn run_transaction(
    connection: &mut PooledConnection,
    user: &UserId,
    first: &BoundQuery,
    second: Option<&BoundQuery>,
) -> Result<(Vec<Row>, Vec<Row>), Error> {
    connection.dirty = true;

    let queries = if second.is_some() { 2 } else { 1 };
    let (begin, omitted_syncs) = match first.query.kind {
        Kind::Read => (connection.statement("session/begin_read"), 2 + queries),
        // The last query keeps its Sync. Otherwise a value that a constraint refuses would also skip the COMMIT, and the
        // rollback would take a second round trip.
        Kind::Write | Kind::Insert => (connection.statement("session/begin"), 1 + queries),
    };
    connection.pipeline.omit_syncs(omitted_syncs);
    let identify = connection.statement("session/identify");
    let commit = connection.statement("session/commit");
    let user = user.as_str();

    // The order of the arguments is the order on the wire.
    let (begun, identified, first_rows, second_rows, committed) = join5(
        connection.client.execute(begin, &[]),
        without_sync(connection, connection.client.execute(identify, &[&user])),
        run_query(connection, &user, first),
        OptionFuture::from(second.map(|second| run_query(connection, &user, second))),
        connection.client.execute(commit, &[]),
    )
    .await;
    let rows =
        first_rows.and_then(|first_rows| Ok((first_rows, second_rows.transpose()?.unwrap_or_default())));

    // A COMMIT that was executed has rolled back a failed transaction. One that was skipped has not.
    let has_ended = committed.is_ok()
        || begun.is_ok()
            && connection.client.execute(connection.statement("session/rollback"), &[]).await.is_ok();
    let errors = [identified.as_ref().err(), rows.as_ref().err()];
    let is_stale = errors.into_iter().flatten().any(sqlstate::is_stale_statement);
    connection.dirty = begun.is_err() || !has_ended || is_stale;
    begun?;
    identified?;
    let rows = rows?;
    committed?;
    Ok(rows)
}

/// Runs one query inside the transaction, with the user id as its first parameter if it binds one.
async fn run_query(
    connection: &PooledConnection,
    user: &&str,
    BoundQuery { query, parameters }: &BoundQuery,
) -> Result<Vec<Row>, Error> {
    let mut bound: Vec<&(dyn ToSql + Sync)> = Vec::with_capacity(parameters.len() + 1);
    if query.kind != Kind::Insert {
        bound.push(user);
    }
    bound.extend(parameters.iter().map(|parameter| &**parameter as &(dyn ToSql + Sync)));

    let rows = connection.client.query(connection.statement(query.name), &bound);
    if query.kind == Kind::Read { without_sync(connection, rows).await } else { rows.await }
}

/// Runs one statement of the pipeline without its Sync. If the driver refuses its parameters, it never sends the
/// statement, and the pipeline drops one Sync less.
async fn without_sync<T>(
    connection: &PooledConnection,
    answer: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let answer = answer.await;
    if answer.as_ref().is_err_and(|error| error.as_db_error().is_none()) {
        connection.pipeline.statement_not_sent();
    }
    answer
}
