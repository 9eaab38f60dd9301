//! The pool's only user: a user and a question to rows, in one round trip.
//!
//! A request is one transaction of four prepared statements: `BEGIN`, `select app.identify($1)`, the question,
//! `COMMIT`. (Five, where a page of a list comes with the length of the list.) All are handed to the driver before any
//! answer is awaited, so that they leave together (tokio-postgres sends in the order of polling), with one Sync behind
//! them, or two for a change (`pipeline`). What follows from that:
//!
//! - No question runs outside the transaction: after a `BEGIN` that failed, none is executed. (The text of `BEGIN` is a
//!   constant and the identity a bound value, so that nothing a client says can make them fail. And every question that
//!   reaches existing rows carries `user_id = $1` itself.)
//! - The driver cannot tell a `COMMIT` from the `ROLLBACK` that a failed transaction answers to it, so an error in
//!   any of them voids the rest, and rows are handed out only after all have succeeded.
//! - The database's part runs in a task of its own: a client that goes away cannot stop it half-way. A connection
//!   that did not come back clean is thrown away, never used again.

mod pipeline;
mod pool;
mod probe;
mod transport;

use std::sync::Arc;
use std::time::Duration;

use bb8::{Pool, RunError};
use futures_util::future::{OptionFuture, join5};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use tracing::Instrument;

use crate::auth::UserId;
use crate::database::Address;
use crate::refusal::{self, Refusal, Sentences};
use pool::{Link, Manager};
pub use probe::Unprotected;

/// A statement of `sql/`, and what kind of transaction it wants.
#[derive(Debug)]
pub struct Question {
    name: &'static str,
    sql: &'static str,
    kind: Kind,
    /// Whether it goes through all rows of the user, however many they are.
    sweeps: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Read,
    Change,
    Create,
}

impl Question {
    /// Reads rows of the user that is bound as `$1`, in a read-only transaction.
    pub const fn read(name: &'static str, sql: &'static str) -> Self {
        Self { name, sql, kind: Kind::Read, sweeps: false }
    }

    /// Reads rows of the user that is bound as `$1`, and has to look at all of theirs for that. Few of these are answered at
    /// a time: each can keep a processor of the database busy for seconds.
    pub const fn sweep(name: &'static str, sql: &'static str) -> Self {
        Self { name, sql, kind: Kind::Read, sweeps: true }
    }

    /// Changes rows of the user that is bound as `$1`.
    pub const fn change(name: &'static str, sql: &'static str) -> Self {
        Self { name, sql, kind: Kind::Change, sweeps: false }
    }

    /// Creates a row. It names no user: `user_id` is the column's default, and the policy checks it.
    pub const fn create(name: &'static str, sql: &'static str) -> Self {
        Self { name, sql, kind: Kind::Create, sweeps: false }
    }
}

/// A value to bind.
pub type Value = Box<dyn ToSql + Send + Sync>;

/// A value to bind.
pub fn value(value: impl ToSql + Send + Sync + 'static) -> Value {
    Box::new(value)
}

/// A question, and the values to bind after the user's id, where it names the user.
pub type Asked = (&'static Question, Vec<Value>);

/// How sessions are opened, and how long anybody waits.
#[derive(Clone, Debug)]
pub struct Options {
    /// How many connections there are at most.
    pub pool_size: u32,
    /// How many of them are kept when nobody needs them.
    pub min_idle: u32,
    /// How long a connection is used at most.
    pub max_lifetime: Duration,
    /// How long a question waits for its turn, then for a connection, and then how long Postgres works on a
    /// statement; a question is answered within three times that, two within four times, and those that sweep wait for one
    /// turn more.
    pub patience: Duration,
}

/// Asks the database as whoever the request comes from.
#[derive(Clone)]
pub struct Session {
    pool: Pool<Manager>,
    /// As many permits as connections. bb8 hands a connection to whoever asks first when it comes back, which
    /// starves those who wait: with 1000 tasks p95 was 2.2 s, and 0.35 s with this queue before it.
    turns: Arc<Semaphore>,
    /// The turns of questions that sweep: one for four connections, which is about one for each processor of the database.
    /// More at a time would all be too slow instead of one after the other in time, and leave no connection to others.
    sweeps: Arc<Semaphore>,
    size: u32,
    patience: Duration,
    sentences: Arc<Sentences>,
}

/// A user, and the session to ask with as that user.
#[derive(Clone)]
pub struct Caller {
    session: Session,
    user: UserId,
}

impl Caller {
    /// Asks one question as this user, in a transaction of its own and in one round trip.
    ///
    /// The rows are there only once the commit is acknowledged. Dropping the future does not stop the question: it
    /// is finished, and answered to nobody. `values` come after the user's id, where the question names it.
    ///
    /// # Errors
    /// [`Refusal::Busy`] when no connection came free in time or the database is out of reach;
    /// [`Refusal::Invalid`] when a constraint turned the values down; [`Refusal::Broken`] otherwise.
    pub async fn ask(&self, question: &'static Question, values: Vec<Value>) -> Result<Vec<Row>, Refusal> {
        let (rows, _) = self.session.ask(self.user.clone(), (question, values), None).await?;
        Ok(rows)
    }

    /// Asks two questions of the same kind as this user, otherwise like [`Caller::ask`]: one transaction, one round trip.
    ///
    /// # Errors
    /// As [`Caller::ask`].
    pub async fn ask_both(&self, one: Asked, other: Asked) -> Result<(Vec<Row>, Vec<Row>), Refusal> {
        self.session.ask(self.user.clone(), one, Some(other)).await
    }

    /// Whose question it is.
    pub fn user(&self) -> &UserId {
        &self.user
    }
}

impl Session {
    /// A session over `address` that is ready to ask `questions`, and has proved that Postgres restricts it.
    ///
    /// # Errors
    /// What is missing or wrong, and what to do about it.
    pub async fn open(
        address: &Address,
        options: &Options,
        questions: &'static [&'static Question],
        sentences: Sentences,
    ) -> Result<Self, Unprotected> {
        let manager = Manager::new(address, questions, options.patience);
        let pool = Pool::builder()
            .max_size(options.pool_size)
            .min_idle(options.min_idle)
            .max_lifetime(options.max_lifetime)
            .connection_timeout(options.patience)
            .error_sink(Box::new(pool::Complain))
            .build_unchecked(manager);

        let session = Self {
            pool,
            turns: Arc::new(Semaphore::new(options.pool_size as usize)),
            sweeps: Arc::new(Semaphore::new((options.pool_size as usize / 4).max(1))),
            size: options.pool_size,
            patience: options.patience,
            sentences: Arc::new(sentences),
        };
        session.prove_restricted().await?;
        Ok(session)
    }

    /// This session, as `user`.
    pub fn caller(&self, user: UserId) -> Caller {
        Caller { session: self.clone(), user }
    }

    /// Waits until every question that was asked is answered. From then on there is no turn for any other.
    pub async fn close(&self) {
        if let Ok(all) = self.turns.acquire_many(self.size).await {
            all.forget();
        }
    }

    async fn ask(
        &self,
        user: UserId,
        asked: Asked,
        also: Option<Asked>,
    ) -> Result<(Vec<Row>, Vec<Row>), Refusal> {
        let questions = [Some(&asked), also.as_ref()];
        let sweeps = questions.iter().flatten().any(|(question, _)| question.sweeps);
        let sweep = if sweeps { Some(take(&self.sweeps, self.patience).await?) } else { None };
        let turn = take(&self.turns, self.patience).await?;
        // Later than a connection may take to come and Postgres' own limit for each statement: this one is for a server
        // that does not answer at all. What it gives up may still happen.
        let statements = if also.is_some() { 2 } else { 1 };
        let deadline = Instant::now() + (1 + statements) * self.patience;
        let session = self.clone();
        let work = async move {
            let _turns = (sweep, turn);
            match timeout_at(deadline, session.ask_in_turn(&user, &asked, also.as_ref())).await {
                Ok(answer) => answer,
                Err(_) => Err(Refusal::Busy("the database does not answer".into())),
            }
        };

        tokio::spawn(work.in_current_span()).await.unwrap_or_else(|panic| Err(Refusal::Broken(panic.into())))
    }

    async fn ask_in_turn(
        &self,
        user: &UserId,
        asked: &Asked,
        also: Option<&Asked>,
    ) -> Result<(Vec<Row>, Vec<Row>), Refusal> {
        let mut link = self.pool.get().await.map_err(|error| match error {
            RunError::User(error) => Refusal::Busy(error.cause().into()),
            RunError::TimedOut => Refusal::Busy("the database cannot be reached".into()),
        })?;

        let started = Instant::now();
        let answer = transact(&mut link, user, asked, also).await;
        let micros = started.elapsed().as_micros() as u64;
        for (question, _) in [Some(asked), also].into_iter().flatten() {
            tracing::debug!(question = question.name, micros, "asked");
        }

        answer.map_err(|error| refusal::of_database(error, &self.sentences))
    }
}

/// A turn, for whoever has waited longest.
async fn take(turns: &Arc<Semaphore>, patience: Duration) -> Result<OwnedSemaphorePermit, Refusal> {
    match timeout(patience, turns.clone().acquire_owned()).await {
        Ok(Ok(turn)) => Ok(turn),
        _ => Err(Refusal::Busy("every connection is in use".into())),
    }
}

/// BEGIN, identity, one question or two of the same kind, COMMIT, in one flush. Leaves the link dirty unless it is surely
/// clean.
async fn transact(
    link: &mut Link,
    user: &UserId,
    asked: &Asked,
    also: Option<&Asked>,
) -> Result<(Vec<Row>, Vec<Row>), tokio_postgres::Error> {
    link.dirty = true;

    let questions = if also.is_some() { 2 } else { 1 };
    let (begin, joined) = match asked.0.kind {
        Kind::Read => (link.statement("session/begin_read"), 2 + questions),
        // The last question keeps its Sync: else the COMMIT would be skipped as well when a value is refused, and it took a
        // second round trip to roll back.
        Kind::Change | Kind::Create => (link.statement("session/begin"), 1 + questions),
    };
    link.pipeline.join(joined);
    let identify = link.statement("session/identify");
    let commit = link.statement("session/commit");
    let user = user.as_str();

    // The order of the arguments is the order on the wire.
    let (begun, identified, rows, also, committed) = join5(
        link.client.execute(begin, &[]),
        without_sync(link, link.client.execute(identify, &[&user])),
        query(link, &user, asked),
        OptionFuture::from(also.map(|also| query(link, &user, also))),
        link.client.execute(commit, &[]),
    )
    .await;
    let rows = rows.and_then(|rows| Ok((rows, also.transpose()?.unwrap_or_default())));

    // A COMMIT that worked has rolled back whatever failed. One that was skipped has not.
    let ended = committed.is_ok()
        || begun.is_ok() && link.client.execute(link.statement("session/rollback"), &[]).await.is_ok();
    let outdated = [identified.as_ref().err(), rows.as_ref().err()].into_iter().flatten().any(is_outdated);
    link.dirty = begun.is_err() || !ended || outdated;
    begun?;
    identified?;
    let rows = rows?;
    committed?;
    Ok(rows)
}

/// The rows that a question finds, asked as `user` where it names one.
async fn query(
    link: &Link,
    user: &&str,
    (question, values): &Asked,
) -> Result<Vec<Row>, tokio_postgres::Error> {
    let mut bound: Vec<&(dyn ToSql + Sync)> = Vec::with_capacity(values.len() + 1);
    if question.kind != Kind::Create {
        bound.push(user);
    }
    bound.extend(values.iter().map(|value| &**value as &(dyn ToSql + Sync)));

    let rows = link.client.query(link.statement(question.name), &bound);
    if question.kind == Kind::Read { without_sync(link, rows).await } else { rows.await }
}

/// What a statement whose Sync is left out is answered. When the driver does not take its values it is never sent, and there
/// is one Sync less to leave out.
async fn without_sync<T>(
    link: &Link,
    answer: impl Future<Output = Result<T, tokio_postgres::Error>>,
) -> Result<T, tokio_postgres::Error> {
    let answer = answer.await;
    if answer.as_ref().is_err_and(|error| error.as_db_error().is_none()) {
        link.pipeline.forgo();
    }
    answer
}

/// Whether what this connection prepared does not fit the schema any more: feature_not_supported ("cached plan must not
/// change result type") or invalid_sql_statement_name. Another connection prepares anew.
fn is_outdated(error: &tokio_postgres::Error) -> bool {
    matches!(error.code().map(|state| state.code()), Some("0A000" | "26000"))
}
