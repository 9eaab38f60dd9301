//! Runs queries on the server of one session: in a turn, on a connection of its pool, until the deadline.

use std::sync::Arc;
use std::time::Duration;

use bb8::RunError;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_postgres::CancelToken;
use tracing::Instrument;

use super::connection::{PooledConnection, Role};
use super::primary_log::Sample;
use super::replica::{LeftOut, unfit};
use super::replicas::Condition;
use super::transaction::{Rows, TransactionError};
use super::turns::Turn;
use super::wal::Freshness;
use super::{
    BoundQuery, Kind, Owner, Queries, Session, TRANSACTION_STARTED, sqlstate, transaction, transport,
};
use crate::auth::UserId;
use crate::refusal::Refusal;
use crate::time_limit::within;

/// How long it may take to ask Postgres to cancel a statement.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(1);

/// How long a cancelled statement may take to end, and a backend after it.
const END_TIMEOUT: Duration = Duration::from_millis(500);

/// The time limits of one transaction, which together are less than three steps.
pub(super) struct Limits {
    /// For the wait for a turn.
    turn: Duration,
    /// The latest moment to get a connection.
    start_by: Instant,
    /// For the transaction, in case that Postgres does not answer at all: longer than its own limit for the queries.
    transaction: Duration,
}

impl Limits {
    /// For a request that has come `elapsed` ago; `None` if too little time is left.
    pub(super) fn new(step: Duration, queries: u32, elapsed: Duration) -> Option<Self> {
        let margin = step / 8;
        let waits = (3 * step - queries * step - 2 * margin).checked_sub(elapsed)?;
        let (turn, start_by) = (waits.min(step), Instant::now() + waits);
        Some(Self { turn, start_by, transaction: queries * step + margin })
    }

    /// For an attempt on a replica. One query leaves enough time for a second attempt on the primary.
    pub(super) fn on_replica(step: Duration, queries: u32) -> Self {
        let margin = step / 8;
        Self { turn: margin, start_by: Instant::now() + 2 * margin, transaction: queries * step + margin }
    }
}

/// Why a transaction has no rows, with the refusal of the request if nothing else is tried.
pub(super) struct Failed {
    pub(super) refusal: Refusal,
    pub(super) why: Why,
}

/// What another server could do about it.
pub(super) enum Why {
    /// No turn came free.
    NoTurn,
    /// The server cannot be reached, or was lost.
    Lost,
    /// The standby has replayed the log up to here only.
    Behind {
        replayed: u64,
    },
    /// The standby must not be used.
    Unfit(LeftOut),
    /// Another server would answer the same.
    Final,
    Other,
}

impl From<Failed> for Refusal {
    fn from(failed: Failed) -> Self {
        failed.refusal
    }
}

impl Session {
    /// Runs queries in one transaction on the server of this session. On a replica it returns rows only if it meets the
    /// condition. Returns as well where the log ended, on a replica: up to where it was replayed.
    pub(super) async fn transact(
        &self,
        owner: &Owner,
        queries: &Arc<Queries>,
        limits: Limits,
        condition: Option<Condition>,
    ) -> Result<(Rows, u64), Failed> {
        let is_full_scan = queries.is_full_scan();
        let arrived = Instant::now();
        // Dropped here as well if the client leaves: its time was spent waiting all the same.
        let measured = owner.times.as_ref().map(|times| times.turn.measure());
        let turn = self.turns.take(&owner.user, is_full_scan, limits.turn).await;
        drop(measured);
        self.measures.waited_for_turn(arrived.elapsed());
        owner.waited_for_turn(arrived, is_full_scan, turn.is_ok());
        let turn = turn.map_err(|refusal| Failed { refusal, why: Why::NoTurn })?;

        let (answer, answered) = oneshot::channel();
        let (session, owner, queries) = (self.clone(), owner.clone(), queries.clone());
        let work =
            async move { session.run_in_turn(turn, &limits, &owner, &queries, condition, answer).await };
        TRANSACTION_STARTED.set(true);
        tokio::spawn(work.in_current_span());
        answered.await.unwrap_or_else(|_| {
            Err(Failed { refusal: Refusal::Broken("the task of a query panicked".into()), why: Why::Final })
        })
    }

    /// Answers as soon as the result is known, and at the deadline at the latest. The turn ends with the transaction, or with
    /// its connection if that cannot be used again: so there are never more connections than the pool's size.
    async fn run_in_turn(
        &self,
        turn: Turn,
        limits: &Limits,
        owner: &Owner,
        queries: &Queries,
        condition: Option<Condition>,
        answer: oneshot::Sender<Result<(Rows, u64), Failed>>,
    ) {
        let (first, second) = (&queries.first, queries.second.as_ref());
        let times = owner.times.as_ref();
        let asked = Instant::now();
        let connection = within(limits.start_by - asked, self.pool.get()).await;
        let started = Instant::now();
        self.measures.waited_for_connection(started - asked);
        if let Some(times) = times {
            times.connection.add(started - asked);
        }
        owner.waited_for_connection(asked, matches!(connection, Some(Ok(_))));
        let mut connection = match connection.unwrap_or(Err(RunError::TimedOut)) {
            Ok(connection) => connection,
            Err(error) => {
                let cause = match error {
                    RunError::User(error) => error.into(),
                    RunError::TimedOut => "the database cannot be reached".into(),
                };
                let _ = answer.send(Err(Failed { refusal: Refusal::Busy(cause), why: Why::Lost }));
                return;
            }
        };
        let (pipeline, backend) = (connection.pipeline.clone(), connection.backend.clone());
        let cancel = connection.client.cancel_token();

        let mut transaction = Box::pin(run_if(&mut connection, &owner.user, queries, condition));
        let outcome = within(limits.transaction, transaction.as_mut()).await;
        let duration = started.elapsed();
        self.measures.ran(first, second, duration);
        if let Some(times) = times {
            times.database.add(duration);
        }
        let shown = outcome.as_ref().map(|outcome| outcome.as_ref().err().and_then(NotRun::error));
        self.ran_transaction(owner, started, queries, &backend, shown);
        let Some(outcome) = outcome else {
            let _ = answer.send(Err(Failed { refusal: overdue(first), why: Why::Lost }));
            // Other connections may be in the same state.
            self.manager.state.renew_connections();
            self.cancel(cancel).await;
            let has_ended = within(END_TIMEOUT, transaction.as_mut()).await.is_some();
            drop(transaction);
            // A cancel that comes late would hit the next user of the connection.
            connection.dirty = true;
            connection.is_overdue = true;
            drop(connection);
            if has_ended {
                within(END_TIMEOUT, pipeline.ended()).await;
            }
            self.manager.give_up(&pipeline, backend, Some(turn));
            return;
        };
        drop(transaction);
        let duration = duration.as_nanos() as u64;
        for bound in queries.all() {
            let replica = self.manager.role.replica();
            tracing::debug!(
                rowkeep.query = bound.query.statement.name,
                rowkeep.replica = replica,
                event.duration = duration,
                "query"
            );
        }

        let is_usable = !connection.dirty;
        let is_prepared = connection.is_prepared();
        let outcome = match outcome {
            Ok(rows) => self.take_down(owner, started, &connection, queries).map(|lsn| (rows, lsn)),
            Err(NotRun::Failed(error)) => Err(self.failed(error, is_prepared)),
            Err(NotRun::Unfit(why)) => Err(Failed { refusal: not_here(), why }),
        };
        drop(connection);
        if is_usable {
            drop(turn);
            let _ = answer.send(outcome);
            return;
        }
        let _ = answer.send(outcome);
        within(END_TIMEOUT, pipeline.ended()).await;
        self.manager.give_up(&pipeline, backend, Some(turn));
    }

    /// Takes down where the log ended when a transaction was over. Returns it, or 0 where nobody wants to know.
    fn take_down(
        &self,
        owner: &Owner,
        started: Instant,
        connection: &PooledConnection,
        queries: &Queries,
    ) -> Result<u64, Failed> {
        let Some(log) = &connection.log else { return Ok(0) };
        let Some(position) = log.at_most else {
            // The database was the primary, and is a standby now. What it shows may be old.
            self.manager.state.renew_connections();
            let cause = "the database is a standby".into();
            let refusal = if queries.is_read() { Refusal::Busy(cause) } else { Refusal::Unknown(cause) };
            return Err(Failed { refusal, why: Why::Other });
        };
        if let Role::Primary(primary) = &self.manager.role {
            primary.note(Sample { asked: started, cluster: log.lineage.cluster.clone(), position });
        }
        owner.reaches(Freshness::At(position));
        Ok(position.lsn)
    }

    /// Asks Postgres to cancel the statement that a connection runs. The answer tells nothing.
    async fn cancel(&self, token: CancelToken) {
        match within(CANCEL_TIMEOUT, transport::cancel(&self.manager.address, token)).await {
            Some(Ok(())) => tracing::warn!("a statement was cancelled: it took longer than a request may"),
            Some(Err(error)) => tracing::warn!(error.message = %error, "a statement cannot be cancelled"),
            None => tracing::warn!("a statement cannot be cancelled: the database does not answer"),
        }
    }

    fn failed(&self, failed: TransactionError, is_prepared: bool) -> Failed {
        let TransactionError { error, may_have_changed } = failed;
        if is_prepared && sqlstate::lost_prepared_statement(&error) {
            self.manager.state.leave_prepared_statements();
        }
        if sqlstate::concerns_other_connections(&error) {
            self.manager.state.renew_connections();
        }
        let refusal = match sqlstate::refusal(&error, &self.constraint_messages) {
            Refusal::Busy(cause) | Refusal::Broken(cause) if may_have_changed => Refusal::Unknown(cause),
            refusal => refusal,
        };
        let why = match &refusal {
            Refusal::Invalid(_) => Why::Final,
            _ if sqlstate::is_cancelled(&error) => Why::Final,
            _ if sqlstate::is_of_lost_server(&error) => Why::Lost,
            _ => Why::Other,
        };
        Failed { refusal, why }
    }
}

/// Why queries have no rows.
enum NotRun {
    Failed(TransactionError),
    /// The standby is not new enough, or must not be used.
    Unfit(Why),
}

impl NotRun {
    fn error(&self) -> Option<&TransactionError> {
        match self {
            Self::Failed(error) => Some(error),
            Self::Unfit(_) => None,
        }
    }
}

/// Runs queries in a transaction, on a replica if its connection meets the condition before and after it.
async fn run_if(
    connection: &mut PooledConnection,
    user: &UserId,
    queries: &Queries,
    condition: Option<Condition>,
) -> Result<Rows, NotRun> {
    if let (Some(condition), Some(log)) = (&condition, &connection.log) {
        if let Some(reason) = unfit(&log.lineage, &condition.floor) {
            return Err(NotRun::Unfit(Why::Unfit(reason)));
        }
        if condition.asks_first && log.replayed < condition.lsn {
            let asked = transaction::ask_replayed(connection).await;
            asked.map_err(|error| NotRun::Failed(TransactionError { error, may_have_changed: false }))?;
            let replayed = connection.log.as_ref().map_or(0, |log| log.replayed);
            if replayed < condition.lsn {
                return Err(NotRun::Unfit(Why::Behind { replayed }));
            }
        }
    }
    let rows = transaction::run(connection, user, &queries.first, queries.second.as_ref()).await;
    let rows = rows.map_err(NotRun::Failed)?;
    if let (Some(condition), Some(log)) = (&condition, &connection.log) {
        let (Some(at_least), Some(_)) = (log.at_least, log.at_most) else {
            return Err(NotRun::Unfit(Why::Unfit(LeftOut::NotAStandby)));
        };
        if at_least < condition.lsn {
            return Err(NotRun::Unfit(Why::Behind { replayed: log.replayed }));
        }
    }
    Ok(rows)
}

/// The refusal of a read that a replica did not answer. No client sees it: the read goes to the primary.
fn not_here() -> Refusal {
    Refusal::Busy("the replica is not new enough".into())
}

/// The refusal of a request whose transaction has not ended at the deadline.
fn overdue(query: &BoundQuery) -> Refusal {
    let cause = "the database does not answer".into();
    if query.query.kind == Kind::Read { Refusal::Busy(cause) } else { Refusal::Unknown(cause) }
}
