//! What is known of the end of the primary's write-ahead log, and with that how old a replica may be.
//!
//! Each transaction on the primary tells where the log ends. Nobody asks besides: a database that sleeps when nothing uses it
//! is let sleep. While only reads come, one of them goes to the primary now and then and brings the position along.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::wal::WalPosition;

/// Where the log ended at some moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sample {
    /// When the primary was asked: what was committed before is at or before the position.
    pub(super) asked: Instant,
    pub(super) cluster: String,
    pub(super) position: WalPosition,
}

/// The last samples. Positions are taken down at a distance in time, so that there are few of them.
#[derive(Debug)]
pub(super) struct PrimaryLog {
    max_lag: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Oldest first, all of one cluster and one timeline.
    samples: VecDeque<Sample>,
    /// When a read was sent to the primary for a position.
    asking: Option<Instant>,
}

/// What a read without a position of its client must see, and whether it goes to the primary to bring a position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Floor {
    /// At least this: a replica that has it lags by `DATABASE_REPLICA_MAX_LAG_MS` at most.
    At(Sample),
    /// Nothing is known that is new enough, or will be known soon: this read goes to the primary.
    Unknown,
}

impl PrimaryLog {
    pub(super) fn new(max_lag: Duration) -> Self {
        Self { max_lag, state: Mutex::default() }
    }

    /// Takes down a position.
    pub(super) fn note(&self, sample: Sample) {
        let mut state = self.state();
        state.asking = None;
        if let Some(newest) = state.samples.back() {
            let is_same_log =
                newest.cluster == sample.cluster && newest.position.timeline == sample.position.timeline;
            if sample.asked < newest.asked {
                return; // its answer came late
            }
            if !is_same_log {
                state.samples.clear();
            } else if newest.asked + self.max_lag / 8 > sample.asked {
                return;
            }
        }
        let now = sample.asked;
        state.samples.push_back(sample);
        while state.samples.len() > 1 && state.samples.front().is_some_and(|oldest| self.is_old(oldest, now))
        {
            state.samples.pop_front();
        }
    }

    /// What a read must see now.
    pub(super) fn floor(&self, now: Instant) -> Floor {
        let mut state = self.state();
        let is_due = |since: Option<Instant>| since.is_none_or(|since| now - since > self.max_lag / 4);
        if is_due(state.samples.back().map(|newest| newest.asked)) && is_due(state.asking) {
            state.asking = Some(now);
            return Floor::Unknown;
        }
        let floor = state.samples.iter().find(|sample| !self.is_old(sample, now));
        floor.cloned().map_or(Floor::Unknown, Floor::At)
    }

    /// Whether a replica that has no more than this lags too much.
    fn is_old(&self, sample: &Sample, now: Instant) -> bool {
        now - sample.asked > self.max_lag
    }

    /// What a replica that does not lag must have: [`PrimaryLog::floor`], or the newest that is known if all of it is older.
    pub(super) fn required(&self, now: Instant) -> Option<Sample> {
        let state = self.state();
        let floor = state.samples.iter().find(|sample| !self.is_old(sample, now));
        floor.or(state.samples.back()).cloned()
    }

    /// The newest position that is known, and when the primary was asked for it.
    pub(super) fn newest(&self) -> Option<(Instant, WalPosition)> {
        self.state().samples.back().map(|sample| (sample.asked, sample.position))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX_LAG: Duration = Duration::from_millis(800);

    fn sample(asked: Instant, timeline: u32, lsn: u64) -> Sample {
        Sample { asked, cluster: "one".into(), position: WalPosition { timeline, lsn } }
    }

    #[test]
    fn a_read_must_see_what_was_there_at_most_the_bound_ago() {
        let (log, start) = (PrimaryLog::new(MAX_LAG), Instant::now());
        let after = |millis| start + Duration::from_millis(millis);
        let (first, second) = (sample(start, 1, 10), sample(after(150), 1, 20));
        log.note(first.clone());
        log.note(second.clone());

        assert_eq!(log.floor(after(150)), Floor::At(first), "a replica may lag");
        assert_eq!(log.floor(after(850)), Floor::Unknown, "one read asks the primary");
        assert_eq!(log.floor(after(850)), Floor::At(second.clone()), "the others do not wait for it");
        assert_eq!(log.floor(after(1000)), Floor::Unknown, "nothing is known that is new enough");
        assert_eq!(
            log.required(after(1000)),
            Some(second),
            "a replica that is idle must have all that is known"
        );
    }

    #[test]
    fn a_read_asks_the_primary_again_if_the_one_before_brought_nothing() {
        let (log, start) = (PrimaryLog::new(MAX_LAG), Instant::now());
        let after = |millis| start + Duration::from_millis(millis);
        log.note(sample(start, 1, 10));

        assert_eq!(log.floor(after(250)), Floor::Unknown);
        assert_ne!(log.floor(after(250)), Floor::Unknown);
        assert_eq!(log.floor(after(500)), Floor::Unknown);
    }

    #[test]
    fn a_new_timeline_and_another_cluster_make_all_older_positions_void() {
        let (log, start) = (PrimaryLog::new(MAX_LAG), Instant::now());
        let after = |millis| start + Duration::from_millis(millis);
        log.note(sample(start, 1, 10));
        let after_fail_over = sample(after(1), 2, 5);
        log.note(after_fail_over.clone());
        assert_eq!(log.floor(after(2)), Floor::At(after_fail_over));

        log.note(sample(start, 1, 11)); // an answer that comes late
        let other = Sample { cluster: "two".into(), ..sample(after(3), 2, 1) };
        log.note(other.clone());

        assert_eq!(log.floor(after(4)), Floor::At(other));
    }
}
