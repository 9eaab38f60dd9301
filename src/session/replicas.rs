//! The choice of the server for a read: a replica that is new enough, or the primary.
//!
//! Replicas are optional, and any answer of the primary is right. So whatever is wrong with a replica, the read is repeated on
//! the primary, which changes nothing.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::primary_log::{Floor, PrimaryLog, Sample};
use super::replica::{self, LeftOut, Replica, ReplicaFigures};
use super::running::{Failed, Limits, Why};
use super::transaction::Rows;
use super::wal::Freshness;
use super::{Owner, Queries};
use crate::database::Address;
use crate::refusal::Refusal;

/// How long a read waits for a replica to replay what it must see.
///
/// On one machine under load a replica took 4 ms in the median and 42 ms at most. The wait holds no connection.
pub const POSITION_WAIT: Duration = Duration::from_millis(50);

/// The first pause before a replica is asked again, which doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(1);

/// The read replicas of a session.
#[derive(Clone, Debug, Default)]
pub struct Replication {
    /// Empty: all reads go to the primary, and nothing is asked for positions.
    pub replicas: Vec<Address>,
    /// How far a replica may lag.
    pub max_lag: Duration,
}

/// Where a read went, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Went {
    /// To a replica.
    Replica,
    /// To the primary, to bring its position along: nothing else has asked the primary for a while.
    ForPosition,
    /// To the primary, as its client wanted, or as it knows nothing of the last change.
    AsWanted,
    /// To the primary: the replica has not replayed what the read must see.
    Behind,
    /// To the primary: no replica is in use.
    NoneInUse,
    /// To the primary: the replica had too much to do.
    Busy,
    /// To the primary: the replica has failed or has cancelled it, as where it conflicts with the replay.
    Failed,
}

impl Went {
    pub const ALL: [Self; 7] = [
        Self::Replica,
        Self::ForPosition,
        Self::AsWanted,
        Self::Behind,
        Self::NoneInUse,
        Self::Busy,
        Self::Failed,
    ];

    /// Its word for machines. These words do not change.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Replica => "replica",
            Self::ForPosition => "for_position",
            Self::AsWanted => "as_wanted",
            Self::Behind => "behind",
            Self::NoneInUse => "none_in_use",
            Self::Busy => "busy",
            Self::Failed => "failed",
        }
    }
}

/// What a transaction on a replica must have seen.
#[derive(Clone, Debug)]
pub(super) struct Condition {
    /// What every read must see, and where it comes from.
    pub(super) floor: Sample,
    /// The position to reach: that of the floor, or a later one that the client has seen.
    pub(super) lsn: u64,
    /// Whether to ask the replica for its position before the transaction, and not with it.
    pub(super) asks_first: bool,
}

/// The read replicas of a session.
pub struct Replicas {
    pub(super) primary: Arc<PrimaryLog>,
    pub(super) list: Vec<Arc<Replica>>,
    /// In the order of [`Went::ALL`].
    counts: [AtomicU64; Went::ALL.len()],
}

impl Replicas {
    /// Begins to look at the replicas. They serve reads as soon as nothing is wrong with them.
    pub(super) fn start(primary: Arc<PrimaryLog>, list: Vec<Replica>) -> Arc<Self> {
        let list = list.into_iter().map(Arc::new).collect();
        let replicas = Arc::new(Self { primary, list, counts: Default::default() });
        for index in 0..replicas.list.len() {
            tokio::spawn(replica::keep(Arc::downgrade(&replicas), index));
        }
        replicas
    }

    /// Runs queries that only read on a replica. `None`: they must be run on the primary.
    ///
    /// # Errors
    /// What the primary would answer as well.
    pub(super) async fn read(&self, owner: &Owner, queries: &Arc<Queries>) -> Result<Option<Rows>, Refusal> {
        let (went, outcome) = match self.choose(owner, queries) {
            Ok((replica, condition)) => self.read_on(replica, owner, queries, condition).await,
            Err(went) => (went, Ok(None)),
        };
        if let Some(count) = self.counts.get(went as usize) {
            count.fetch_add(1, Relaxed);
        }
        outcome
    }

    /// The replica for this read, and what it must have replayed.
    ///
    /// The reads of a user go to the same replica while it is in use: it has their rows in memory, and never shows them an
    /// older state than it did before.
    fn choose(&self, owner: &Owner, queries: &Queries) -> Result<(&Replica, Condition), Went> {
        let wanted = owner.seen.as_ref().map(|seen| seen.wanted()).unwrap_or_default();
        if wanted == Freshness::Newest {
            return Err(Went::AsWanted);
        }
        let mut hasher = DefaultHasher::new();
        owner.user.as_str().hash(&mut hasher);
        let first = hasher.finish() as usize % self.list.len().max(1);
        let in_order = self.list.iter().cycle().skip(first).take(self.list.len());
        let replica = in_order.into_iter().find(|replica| replica.is_in_use()).ok_or(Went::NoneInUse)?;

        let Floor::At(floor) = self.primary.floor(Instant::now()) else { return Err(Went::ForPosition) };
        let lsn = match wanted {
            // After a fail-over that this server has not noticed.
            Freshness::At(position) if position.timeline > floor.position.timeline => {
                return Err(Went::Behind);
            }
            Freshness::At(position) => position.lsn.max(floor.position.lsn),
            _ => floor.position.lsn,
        };
        // A full scan costs too much to be run for nothing. The one snapshot of two queries is made before the position is
        // told.
        let asks_first = queries.second.is_some() || queries.is_full_scan();
        Ok((replica, Condition { floor, lsn, asks_first }))
    }

    async fn read_on(
        &self,
        replica: &Replica,
        owner: &Owner,
        queries: &Arc<Queries>,
        mut condition: Condition,
    ) -> (Went, Result<Option<Rows>, Refusal>) {
        let session = &replica.session;
        let deadline = Instant::now() + POSITION_WAIT;
        let mut pause = FIRST_PAUSE;
        loop {
            let limits = Limits::on_replica(session.manager.step_timeout, queries.number());
            let Failed { refusal, why } =
                match session.transact(owner, queries, limits, Some(condition.clone())).await {
                    Ok((rows, replayed)) => {
                        replica.has_replayed(replayed, &self.primary);
                        return (Went::Replica, Ok(Some(rows)));
                    }
                    Err(failed) => failed,
                };
            let went = match why {
                Why::Behind { .. } if Instant::now() + pause < deadline => {
                    sleep(pause).await;
                    (pause, condition.asks_first) = (2 * pause, true);
                    continue;
                }
                Why::Behind { replayed } => {
                    replica.has_replayed(replayed, &self.primary);
                    if replayed < condition.floor.position.lsn {
                        replica.leave_out(LeftOut::Behind, None);
                    }
                    Went::Behind
                }
                Why::Unfit(reason) => {
                    replica.leave_out(reason, None);
                    Went::Failed
                }
                Why::Lost => {
                    replica.leave_out(LeftOut::Unreachable, cause(&refusal).as_deref());
                    Went::Failed
                }
                Why::NoTurn => Went::Busy,
                Why::Other => Went::Failed,
                Why::Final => return (Went::Failed, Err(refusal)),
            };
            tracing::debug!(
                rowkeep.replica = replica.number,
                event.reason = went.word(),
                error.message = cause(&refusal),
                "a read goes to the primary"
            );
            return (went, Ok(None));
        }
    }

    /// How many reads went where, in the order of [`Went::ALL`].
    pub fn reads(&self) -> [u64; Went::ALL.len()] {
        self.counts.each_ref().map(|count| count.load(Relaxed))
    }

    /// Each replica at this moment. Asks nothing of it.
    pub fn figures(&self) -> Vec<ReplicaFigures> {
        self.list.iter().map(|replica| replica.figures()).collect()
    }

    /// Lets somebody look at each replica now. Does not wait for it.
    pub fn look_soon(&self) {
        self.list.iter().for_each(|replica| replica.look_soon());
    }
}

/// The error behind a refusal.
fn cause(refusal: &Refusal) -> Option<String> {
    match refusal {
        Refusal::Busy(cause) | Refusal::Broken(cause) | Refusal::Unknown(cause) => Some(cause.to_string()),
        _ => None,
    }
}

impl Drop for Replicas {
    /// Wakes the keepers, which end then.
    fn drop(&mut self) {
        self.look_soon();
    }
}
