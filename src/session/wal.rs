//! Positions in the write-ahead log: what the reads of a request must see, and what they have seen.
//!
//! A read on a replica is as old as the replica. Who has seen something must not see an older state afterwards: so each
//! answer says up to where in the log it has seen the database, and a later read goes where at least that much is there.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use tokio_postgres::types::PgLsn;
use tokio_postgres::{Error, Row};

/// A position in the write-ahead log. A fail-over begins a new timeline, with a higher number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct WalPosition {
    pub timeline: u32,
    pub lsn: u64,
}

/// How new the state must be that a read sees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Freshness {
    /// As new as every read is: `DATABASE_REPLICA_MAX_LAG_MS`.
    #[default]
    Any,
    /// With everything up to this position.
    At(WalPosition),
    /// With everything that is committed: the read goes to the primary.
    Newest,
}

/// What the reads of one request must see, and what its transactions have seen so far.
#[derive(Debug, Default)]
pub struct Seen(Mutex<State>);

#[derive(Clone, Copy, Debug, Default)]
struct State {
    wanted: Freshness,
    reached: Freshness,
}

impl Seen {
    /// For a request whose reads must be as fresh as this.
    pub fn wanting(wanted: Freshness) -> Self {
        Self(Mutex::new(State { wanted, reached: Freshness::Any }))
    }

    /// The reads that follow must be as fresh as this, too.
    pub fn must_see(&self, wanted: Freshness) {
        let mut state = self.state();
        state.wanted = state.wanted.max(wanted);
    }

    /// How fresh the next read must be: no older than what the client or this request has seen.
    pub(super) fn wanted(&self) -> Freshness {
        let state = self.state();
        // The end of a transaction of which nothing is known is a reason for the client to look at the primary.
        state.wanted.max(state.reached)
    }

    /// A transaction of this request has seen that much.
    pub(super) fn reaches(&self, reached: Freshness) {
        let mut state = self.state();
        state.reached = state.reached.max(reached);
    }

    /// The position that the transactions of this request have reached, if it is known.
    pub fn position(&self) -> Option<WalPosition> {
        match self.reached() {
            Freshness::At(position) => Some(position),
            _ => None,
        }
    }

    /// What the transactions of this request have seen.
    pub fn reached(&self) -> Freshness {
        self.state().reached
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where a connection leads, as it was when it was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Lineage {
    /// The cluster and the database in it.
    pub(super) cluster: String,
    /// The timeline of a standby; 0 on the primary, which tells it with each position.
    pub(super) timeline: u32,
    pub(super) is_standby: bool,
    /// Whether other servers have a part of the data.
    pub(super) is_distributed: bool,
}

impl Lineage {
    /// From the row of `sql/session/lineage.sql`.
    pub(super) fn of(row: &Row) -> Result<Self, Error> {
        let timeline: Option<i32> = row.try_get("timeline")?;
        Ok(Self {
            cluster: row.try_get("cluster")?,
            timeline: timeline.and_then(|timeline| timeline.try_into().ok()).unwrap_or(0),
            is_standby: row.try_get("is_standby")?,
            is_distributed: row.try_get("is_distributed")?,
        })
    }
}

/// The position in the row of `sql/session/wal_position.sql`; `None` if the server is a standby.
pub(super) fn position(rows: &[Row]) -> Option<WalPosition> {
    let row = rows.first()?;
    let lsn: PgLsn = row.try_get("lsn").ok()?;
    let file: &str = row.try_get("file").ok()?;
    // The first 8 hexadecimal digits of a file are its timeline (PostgreSQL manual, "WAL Internals").
    let timeline = u32::from_str_radix(file.get(..8)?, 16).ok()?;
    Some(WalPosition { timeline, lsn: without_page_header(lsn.into()) })
}

/// Where the log ends if its end is right behind the header of a page: before that header, as a standby tells it. Otherwise a
/// standby with all of an idle primary's log would lag for ever. A page has 8 kB, its header 24 bytes, and that of the first page
/// of a file 40 (access/xlog_internal.h of PostgreSQL).
fn without_page_header(lsn: u64) -> u64 {
    match lsn % 8192 {
        header @ (24 | 40) => lsn - header,
        _ => lsn,
    }
}

/// How far a standby has replayed the log, from a row that says so; `None` if the server is none.
pub(super) fn replayed(rows: &[Row]) -> Option<u64> {
    let row = rows.first()?;
    let is_standby: bool = row.try_get("is_standby").ok()?;
    let lsn: PgLsn = row.try_get("lsn").ok()?;
    is_standby.then(|| lsn.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_right_behind_a_page_header_is_the_end_of_the_page_before() {
        for (lsn, end) in [
            (0x0500_0028, 0x0500_0000), // the first page of a file
            (0x0500_2018, 0x0500_2000),
            (0x0500_2020, 0x0500_2020),
            (0x0500_0000, 0x0500_0000),
        ] {
            assert_eq!(without_page_header(lsn), end, "{lsn:x}");
        }
    }
}
