//! One read replica: a pool like that of the primary, and whether it may serve reads.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use super::primary_log::{PrimaryLog, Sample};
use super::wal::Lineage;
use super::{ProbeError, Replicas, Session};

/// How long a replica that is left out is left alone until the next look.
const PAUSE: Duration = Duration::from_secs(1);

/// Why a replica serves no reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeftOut {
    /// It cannot be reached, or does not answer.
    Unreachable,
    /// It lags by more than the bound.
    Behind,
    /// Its policies do not restrict requests.
    Unprotected,
    /// It refuses the login or the queries.
    Unusable,
    /// It is a server of its own now: somebody has promoted it, or it never was a standby.
    NotAStandby,
    /// It is not a standby of this primary, or has another database at this address.
    OtherCluster,
    /// It does not follow the last fail-over, or has not taken it down yet.
    OtherTimeline,
    /// The data is distributed over several servers, of which it has one part.
    Distributed,
}

impl LeftOut {
    pub const ALL: [Self; 8] = [
        Self::Unreachable,
        Self::Behind,
        Self::Unprotected,
        Self::Unusable,
        Self::NotAStandby,
        Self::OtherCluster,
        Self::OtherTimeline,
        Self::Distributed,
    ];

    /// Its word for machines. These words do not change.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Behind => "behind",
            Self::Unprotected => "unprotected",
            Self::Unusable => "unusable",
            Self::NotAStandby => "not_a_standby",
            Self::OtherCluster => "other_cluster",
            Self::OtherTimeline => "other_timeline",
            Self::Distributed => "distributed",
        }
    }

    const fn text(self) -> &'static str {
        match self {
            Self::Unreachable => "it cannot be reached, or does not answer",
            Self::Behind => "it lags behind the primary by more than DATABASE_REPLICA_MAX_LAG_MS",
            Self::Unprotected => "its policies do not restrict requests",
            Self::Unusable => "it refuses the login or the queries of this server",
            Self::NotAStandby => "it is not a standby: somebody has promoted it, or it never was one",
            Self::OtherCluster => {
                "it is not a standby of this primary, or its address names another database"
            }
            Self::OtherTimeline => {
                "it does not follow the last fail-over, or has not taken it down yet: a restartpoint does, which CHECKPOINT \
                 on the replica makes at once"
            }
            Self::Distributed => {
                "the data is distributed over several servers (Citus), which replicas do not work with"
            }
        }
    }
}

const AHEAD: &str = "it has replayed more of the log than the primary has";

/// The reason why a connection with this lineage must not serve reads that must see this of the primary.
pub(super) fn unfit(lineage: &Lineage, primary: &Sample) -> Option<LeftOut> {
    if !lineage.is_standby {
        Some(LeftOut::NotAStandby)
    } else if lineage.cluster != primary.cluster {
        Some(LeftOut::OtherCluster)
    } else if lineage.is_distributed {
        Some(LeftOut::Distributed)
    } else if lineage.timeline != primary.position.timeline {
        Some(LeftOut::OtherTimeline)
    } else {
        None
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nobody has looked at it yet.
    New,
    InUse,
    LeftOut(LeftOut),
}

/// A read replica.
pub(super) struct Replica {
    /// Its place in the setting, from 1.
    pub(super) number: usize,
    pub(super) session: Session,
    state: Mutex<State>,
    /// How often it was left out, in the order of [`LeftOut::ALL`].
    counts: [AtomicU64; LeftOut::ALL.len()],
    /// How much of the log it had not replayed when it was last asked, in bytes.
    lag: AtomicU64,
    /// How far it had replayed the log at some moment, until the primary's log is known of a later one.
    replayed: Mutex<Option<(Instant, u64)>>,
    /// Whether that was more than the primary had, when it was last known.
    was_ahead: AtomicBool,
    /// Wakes its keeper.
    look: Notify,
}

/// A replica at one moment.
#[derive(Clone, Debug)]
pub struct ReplicaFigures {
    pub number: usize,
    pub is_in_use: bool,
    /// How much of the log it had not replayed when it was last asked, in bytes.
    pub lag_bytes: u64,
    /// How often it was left out, in the order of [`LeftOut::ALL`].
    pub left_out: [u64; LeftOut::ALL.len()],
}

impl Replica {
    pub(super) fn new(number: usize, session: Session) -> Self {
        Self {
            number,
            session,
            state: Mutex::new(State::New),
            counts: Default::default(),
            lag: AtomicU64::default(),
            replayed: Mutex::default(),
            was_ahead: AtomicBool::default(),
            look: Notify::new(),
        }
    }

    pub(super) fn is_in_use(&self) -> bool {
        *self.state() == State::InUse
    }

    /// Serves no reads from now on, until a look finds nothing wrong.
    pub(super) fn leave_out(&self, reason: LeftOut, cause: Option<&str>) {
        let before = std::mem::replace(&mut *self.state(), State::LeftOut(reason));
        if before == State::LeftOut(reason) {
            return;
        }
        if let Some(count) = self.counts.get(reason as usize) {
            count.fetch_add(1, Relaxed);
        }
        tracing::warn!(
            rowkeep.replica = self.number,
            rowkeep.database = %self.session.manager.address,
            event.reason = reason.word(),
            error.message = cause,
            rowkeep.advice = reason.text(),
            "a read replica is left out"
        );
        // The connections may lead to what the replica was before.
        self.session.manager.state.renew_connections();
        self.look.notify_one();
    }

    /// Lets its keeper look at it now.
    pub(super) fn look_soon(&self) {
        self.look.notify_one();
    }

    /// Takes down that it has replayed the log up to here. Leaves it out if it had replayed what the primary did not have later: then
    /// it follows another server, such as one that was promoted while the primary ran on. The timeline tells that, too, and only
    /// when the standby has taken it down.
    pub(super) fn has_replayed(&self, lsn: u64, primary: &PrimaryLog) {
        let newest = primary.newest();
        let end = newest.map_or(0, |(_, position)| position.lsn);
        self.lag.store(end.saturating_sub(lsn), Relaxed);

        let mut replayed = self.replayed.lock().unwrap_or_else(PoisonError::into_inner);
        match (*replayed, newest) {
            (Some((at, before)), Some((asked, position))) if asked >= at => {
                self.was_ahead.store(position.lsn < before, Relaxed);
                *replayed = Some((Instant::now(), lsn));
            }
            (Some(_), _) => {}
            (None, _) => *replayed = Some((Instant::now(), lsn)),
        }
        drop(replayed);
        if self.was_ahead.load(Relaxed) {
            self.leave_out(LeftOut::OtherTimeline, Some(AHEAD));
        }
    }

    pub(super) fn figures(&self) -> ReplicaFigures {
        ReplicaFigures {
            number: self.number,
            is_in_use: self.is_in_use(),
            lag_bytes: self.lag.load(Relaxed),
            left_out: self.counts.each_ref().map(|count| count.load(Relaxed)),
        }
    }

    /// Looks at it as at the primary, and whether it is a standby of that primary and does not lag.
    async fn look(&self, primary: &PrimaryLog) -> Result<(), Wrong> {
        let probed = self.session.probe().await?;
        let (Some((lineage, replayed)), Some(required)) = (probed.standby, primary.required(Instant::now()))
        else {
            return Err(LeftOut::Unusable.into());
        };
        if let Some(reason) = unfit(&lineage, &required) {
            return Err(reason.into());
        }
        self.has_replayed(replayed, primary);
        if self.was_ahead.load(Relaxed) {
            return Err(Wrong(Some((LeftOut::OtherTimeline, Some(AHEAD.into())))));
        }
        if replayed < required.position.lsn {
            return Err(LeftOut::Behind.into());
        }
        if *self.state() == State::New {
            self.session.check_statements().await?;
        }
        Ok(())
    }

    fn uses(&self) {
        let before = std::mem::replace(&mut *self.state(), State::InUse);
        if before != State::InUse {
            tracing::info!(
                rowkeep.replica = self.number,
                rowkeep.database = %self.session.manager.address,
                "a read replica is used"
            );
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a look has found wrong. None: it has seen nothing, and the replica stays as it is.
struct Wrong(Option<(LeftOut, Option<String>)>);

impl From<LeftOut> for Wrong {
    fn from(reason: LeftOut) -> Self {
        Self(Some((reason, None)))
    }
}

impl From<ProbeError> for Wrong {
    fn from(error: ProbeError) -> Self {
        let reason = match &error {
            ProbeError::Busy => return Self(None),
            ProbeError::Unprotected(_) => LeftOut::Unprotected,
            ProbeError::Unusable(_) => LeftOut::Unusable,
            ProbeError::Unavailable(_) | ProbeError::Standby => LeftOut::Unreachable,
        };
        Self(Some((reason, Some(error.to_string()))))
    }
}

/// Looks at a replica: again and again while it is left out, and whenever somebody wants to know while it is used. Ends with
/// the session.
pub(super) async fn keep(replicas: Weak<Replicas>, index: usize) {
    loop {
        let Some(all) = replicas.upgrade() else { return };
        let Some(replica) = all.list.get(index) else { return };
        match replica.look(&all.primary).await {
            Ok(()) => replica.uses(),
            Err(Wrong(Some((reason, cause)))) => replica.leave_out(reason, cause.as_deref()),
            Err(Wrong(None)) => {}
        }
        let replica = replica.clone();
        drop(all);
        if replica.is_in_use() {
            replica.look.notified().await;
        }
        if !replica.is_in_use() {
            sleep(PAUSE).await;
        }
    }
}
