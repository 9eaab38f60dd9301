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
//!
//! Where read replicas are configured, each has a pool of its own, and `replicas` chooses the server of a read. The primary
//! then tells its position in the log after each COMMIT, in the same round trip.

mod connection;
mod figures;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod hosts;
mod lost;
mod nodes;
mod opening;
mod pipeline;
mod pool;
mod pooler;
mod primary_log;
mod probe;
mod replica;
mod replicas;
mod running;
mod spans;
mod sqlstate;
mod statements;
mod transaction;
mod transport;
mod turns;
mod wal;

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use bb8::Pool;
use opentelemetry::KeyValue;
use tokio::time::Instant;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use crate::auth::UserId;
use crate::database::Address;
use crate::metrics::RequestTimes;
use crate::refusal::{ConstraintMessages, Refusal};
use connection::Role;
pub use figures::{Closed, Measures, PoolFigures};
use pool::{ConnectionManager, PoolState};
pub use pooler::{Pooler, connect_once, find_pooler};
use primary_log::PrimaryLog;
pub use probe::{ProbeError, Probed};
use replica::Replica;
pub use replica::{LeftOut, ReplicaFigures};
pub use replicas::{POSITION_WAIT, Replicas, Replication, Went};
use running::{Failed, Limits};
pub use statements::{NODE_STATEMENTS, ParameterType, SESSION_STATEMENTS, Statement};
use transaction::Rows;
use turns::Turns;
pub use wal::{Freshness, Seen, WalPosition};

/// How long a connection stays idle if none has to: a database that sleeps when idle must be let sleep.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// How often idle and old connections are looked for.
const REAPER_RATE: Duration = Duration::from_secs(10);

/// A statement of `sql/`, and the kind of transaction it needs.
#[derive(Debug)]
pub struct Query {
    statement: Statement,
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
    pub const fn read(
        name: &'static str,
        sql: &'static str,
        parameter_types: &'static [ParameterType],
    ) -> Self {
        let statement = Statement { name, sql, parameter_types };
        Self { statement, kind: Kind::Read, is_full_scan: false }
    }

    /// Like [`Query::read`], for a query that must look at every row of the user. Each can keep a processor of the database
    /// busy for seconds, so only a few of them run at the same time.
    pub const fn full_scan(
        name: &'static str,
        sql: &'static str,
        parameter_types: &'static [ParameterType],
    ) -> Self {
        Self { is_full_scan: true, ..Self::read(name, sql, parameter_types) }
    }

    /// Updates or deletes rows of the user, who is bound as `$1`.
    pub const fn write(
        name: &'static str,
        sql: &'static str,
        parameter_types: &'static [ParameterType],
    ) -> Self {
        Self { kind: Kind::Write, ..Self::read(name, sql, parameter_types) }
    }

    /// Inserts a row. It binds no user: `user_id` is the default of its column, and the policy checks it.
    pub const fn insert(
        name: &'static str,
        sql: &'static str,
        parameter_types: &'static [ParameterType],
    ) -> Self {
        Self { kind: Kind::Insert, ..Self::read(name, sql, parameter_types) }
    }

    /// Its SQL and the types of its parameters.
    pub fn statement(&self) -> &Statement {
        &self.statement
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

/// One query or two of the same kind, for one transaction.
struct Queries {
    first: BoundQuery,
    second: Option<BoundQuery>,
}

impl Queries {
    fn all(&self) -> impl Iterator<Item = &BoundQuery> {
        [Some(&self.first), self.second.as_ref()].into_iter().flatten()
    }

    fn number(&self) -> u32 {
        if self.second.is_some() { 2 } else { 1 }
    }

    fn is_full_scan(&self) -> bool {
        self.all().any(|bound| bound.query.is_full_scan)
    }

    fn is_read(&self) -> bool {
        self.first.query.kind == Kind::Read
    }
}

/// How statements are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatementMode {
    /// Each connection prepares every statement once.
    Prepared,
    /// Each statement is sent whole, in the same round trip. Works behind every connection pooler.
    Unnamed,
}

/// The size of the pool, and time limits.
#[derive(Clone, Debug)]
pub struct Options {
    /// The largest number of connections, 2 or more. Requests use all but one, which looks at the database for `/health`.
    pub pool_size: u32,
    /// How many connections stay open while nothing uses them.
    pub min_idle: u32,
    /// The age at which a connection is replaced.
    pub max_lifetime: Duration,
    /// Time limit for each step: waiting for a turn, waiting for a connection, and each query in Postgres. All of it takes
    /// less than three steps: before two queries the waits are shorter.
    pub step_timeout: Duration,
    /// How statements are sent; none: prepared, unless a connection pooler is between.
    pub statement_mode: Option<StatementMode>,
}

impl Options {
    /// How many connections requests may use.
    fn request_connections(&self) -> u32 {
        self.pool_size.saturating_sub(1).max(1)
    }
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
    turns: Turns,
    manager: ConnectionManager,
    constraint_messages: Arc<ConstraintMessages>,
    measures: Arc<Measures>,
    /// What the spans of all transactions say.
    span_attributes: Arc<[KeyValue]>,
    /// None: all reads go to the one database.
    replicas: Option<Arc<Replicas>>,
}

/// A user who runs queries.
#[derive(Clone)]
pub struct Caller {
    /// None until the database was reached for the first time.
    session: Option<Session>,
    owner: Owner,
}

/// Whose a query is.
#[derive(Clone)]
struct Owner {
    user: UserId,
    /// What the request has waited for, if somebody wants to know.
    times: Option<Arc<RequestTimes>>,
    /// What its reads must see, where replicas serve reads.
    seen: Option<Arc<Seen>>,
}

impl Owner {
    fn reaches(&self, reached: Freshness) {
        if let Some(seen) = &self.seen {
            seen.reaches(reached);
        }
    }
}

impl Caller {
    /// A user who runs queries in this session. Without one, every query is refused.
    pub fn new(session: Option<Session>, user: UserId) -> Self {
        let has_replicas = session.as_ref().is_some_and(|session| session.replicas.is_some());
        Self { session, owner: Owner { user, times: None, seen: has_replicas.then(Arc::default) } }
    }

    /// The same user, whose reads must be as fresh as this says. Only where replicas serve reads.
    #[must_use]
    pub fn with_seen(self, seen: Arc<Seen>) -> Self {
        Self { owner: Owner { seen: Some(seen), ..self.owner }, ..self }
    }

    /// What the queries must see and have seen, where replicas serve reads.
    pub fn seen(&self) -> Option<&Seen> {
        self.owner.seen.as_deref()
    }

    /// The same user. What the queries wait for is added to these times.
    #[must_use]
    pub fn with_times(self, times: Option<Arc<RequestTimes>>) -> Self {
        Self { owner: Owner { times, ..self.owner }, ..self }
    }

    /// Runs a query as this user, in its own transaction and in one round trip.
    ///
    /// The rows are returned only after the commit is acknowledged. Dropping the future does not stop the query: it runs
    /// to its end, and its result is lost.
    ///
    /// # Errors
    /// [`Refusal::Busy`] if no connection came free in time, or Postgres cannot run it now; [`Refusal::Unknown`] if it is
    /// not known whether a change was made; [`Refusal::Invalid`] if a constraint refused a value; [`Refusal::Broken`]
    /// otherwise.
    pub async fn query(&self, query: BoundQuery) -> Result<Vec<Row>, Refusal> {
        let (rows, _) = self.session()?.run(self.owner.clone(), query, None).await?;
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
        self.session()?.run(self.owner.clone(), first, Some(second)).await
    }

    fn session(&self) -> Result<&Session, Refusal> {
        let session = self.session.as_ref();
        session.ok_or_else(|| Refusal::Busy("the database has not been reached yet".into()))
    }

    pub fn user(&self) -> &UserId {
        &self.owner.user
    }

    /// What the request of this user has waited for, if somebody wants to know.
    pub fn times(&self) -> Option<&RequestTimes> {
        self.owner.times.as_deref()
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
        let session = Self::new(address, Role::Only, options, queries, constraint_messages);
        session.check().await?;
        Ok(session)
    }

    /// The same, with replicas that serve reads. The session opens without them, and uses each as soon as it can.
    ///
    /// # Errors
    /// As [`Session::open`].
    pub async fn open_with_replicas(
        address: &Address,
        replication: &Replication,
        options: &Options,
        queries: &'static [&'static Query],
        constraint_messages: ConstraintMessages,
    ) -> Result<Self, ProbeError> {
        if replication.replicas.is_empty() {
            return Self::open(address, options, queries, constraint_messages).await;
        }
        let primary = Arc::new(PrimaryLog::new(replication.max_lag));
        let role = Role::Primary(primary.clone());
        let mut session = Self::new(address, role, options, queries, constraint_messages.clone());
        session.check().await?;
        let numbered = (1..).zip(&replication.replicas);
        let replicas = numbered.map(|(number, address)| {
            let role = Role::Replica(number);
            Replica::new(number, Self::new(address, role, options, queries, constraint_messages.clone()))
        });
        session.replicas = Some(Replicas::start(primary, replicas.collect()));
        Ok(session)
    }

    /// A session that has opened nothing yet.
    fn new(
        address: &Address,
        role: Role,
        options: &Options,
        queries: &'static [&'static Query],
        constraint_messages: ConstraintMessages,
    ) -> Self {
        let pool_state = Arc::<PoolState>::default();
        let min_idle = match role {
            // Nothing is opened to a replica that is left out.
            Role::Replica(_) => 0,
            _ => options.min_idle.min(options.request_connections()),
        };
        let errors = pool::ConnectErrors(pool_state.clone(), matches!(role, Role::Replica(_)));
        let manager = ConnectionManager::new(address, role, queries, options, pool_state);
        let mut pool = Pool::builder()
            .max_size(options.request_connections())
            .min_idle(min_idle)
            .max_lifetime(options.max_lifetime)
            .reaper_rate(REAPER_RATE)
            .connection_timeout(options.step_timeout)
            .error_sink(Box::new(errors));
        if options.min_idle == 0 {
            pool = pool.idle_timeout(IDLE_TIMEOUT);
        }

        Self {
            pool: pool.build_unchecked(manager.clone()),
            manager,
            turns: Turns::new(options.request_connections(), options.pool_size),
            constraint_messages: Arc::new(constraint_messages),
            measures: Arc::new(Measures::new(queries)),
            span_attributes: spans::attributes(address),
            replicas: None,
        }
    }

    /// Checks that Postgres restricts transactions, and can run the queries.
    async fn check(&self) -> Result<(), ProbeError> {
        self.probe().await?;
        self.check_statements().await
    }

    /// The replicas that serve reads, if there are any.
    pub fn replicas(&self) -> Option<&Replicas> {
        self.replicas.as_deref()
    }

    /// This session with a user to run queries as.
    pub fn caller(&self, user: UserId) -> Caller {
        Caller::new(Some(self.clone()), user)
    }

    /// How many connections were given back before their last answer was read. They were closed. It stays 0 unless this
    /// program has a fault.
    pub fn unfinished_connections(&self) -> u64 {
        self.manager.state.unfinished()
    }

    /// Whether the server had to stop using prepared statements, because a connection pooler lost them.
    pub fn has_lost_prepared_statements(&self) -> bool {
        self.manager.state.has_lost_prepared_statements()
    }

    /// Waits until every running query has ended. No query can start afterwards.
    pub async fn close(&self) {
        self.turns.close().await;
        for replica in self.replicas.iter().flat_map(|replicas| &replicas.list) {
            replica.session.turns.close().await;
        }
    }

    async fn run(
        &self,
        owner: Owner,
        first: BoundQuery,
        second: Option<BoundQuery>,
    ) -> Result<Rows, Refusal> {
        let queries = Arc::new(Queries { first, second });
        let came = Instant::now();
        if queries.is_read()
            && let Some(replicas) = &self.replicas
            && let Some(rows) = replicas.read(&owner, &queries).await?
        {
            return Ok(rows);
        }
        let limits = Limits::new(self.manager.step_timeout, queries.number(), came.elapsed());
        let limits = limits.ok_or_else(|| Refusal::Busy("a replica did not answer in time".into()))?;
        let outcome = self.transact(&owner, &queries, limits, None).await;
        if let Err(Failed { refusal: Refusal::Unknown(_), .. }) = outcome {
            // Its client must look on the primary whether the change was made.
            owner.reaches(Freshness::Newest);
        }
        let (rows, _) = outcome?;
        Ok(rows)
    }
}
