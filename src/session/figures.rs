//! What the session measures, and the figures of its pool.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use ::metrics::{Histogram, histogram};

use super::{BoundQuery, Query, Session};

/// Why a connection of the pool was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// It reached the age at which connections are replaced.
    Lifetime,
    /// Nothing used it, and none has to stay open.
    Idle,
    /// Postgres or the network closed it.
    Lost,
    /// Another connection found that the server has changed, or does not answer.
    Renewed,
    /// Its transaction had not ended at the deadline.
    Overdue,
    /// Its transaction was not seen to end, or ended with an error after which the connection must not be used.
    Failed,
    /// It was given back before its last answer was read: a fault of this program.
    Unfinished,
}

impl Closed {
    pub const ALL: [Self; 7] = [
        Self::Lifetime,
        Self::Idle,
        Self::Lost,
        Self::Renewed,
        Self::Overdue,
        Self::Failed,
        Self::Unfinished,
    ];

    /// Its word for machines. These words do not change.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Lifetime => "lifetime",
            Self::Idle => "idle",
            Self::Lost => "lost",
            Self::Renewed => "renewed",
            Self::Overdue => "overdue",
            Self::Failed => "failed",
            Self::Unfinished => "unfinished",
        }
    }
}

/// What the pool counts.
#[derive(Debug, Default)]
pub(super) struct PoolCounts {
    /// By reason, in the order of [`Closed::ALL`]. The pool itself counts the first two.
    closed: [AtomicU64; Closed::ALL.len()],
    connect_failures: AtomicU64,
    /// Whether the last connection could be opened.
    is_reachable: AtomicBool,
}

impl PoolCounts {
    pub(super) fn closed(&self, reason: Closed) {
        if let Some(count) = self.closed.get(reason as usize) {
            count.fetch_add(1, Relaxed);
        }
    }

    pub(super) fn connect_failed(&self) {
        self.connect_failures.fetch_add(1, Relaxed);
    }

    pub(super) fn set_reachable(&self, is_reachable: bool) {
        self.is_reachable.store(is_reachable, Relaxed);
    }
}

/// The pool at one moment.
#[derive(Clone, Copy, Debug, Default)]
pub struct PoolFigures {
    /// The largest number of connections that requests may use.
    pub size: u32,
    pub in_use: u32,
    pub idle: u32,
    /// Connections that were given up. Their backends may still run, so their places stay taken.
    pub lost: usize,
    /// Requests that wait for a turn.
    pub waiting: usize,
    pub opened: u64,
    /// By reason, in the order of [`Closed::ALL`].
    pub closed: [u64; Closed::ALL.len()],
    pub connect_failures: u64,
    /// Whether the last connection could be opened.
    pub is_reachable: bool,
}

impl Session {
    /// The pool at this moment. Asks nothing of the database.
    pub fn figures(&self) -> PoolFigures {
        let pool = self.pool.state();
        let counts = &self.manager.state.counts;
        let mut closed = counts.closed.each_ref().map(|count| count.load(Relaxed));
        let [lifetime, idle, ..] = &mut closed;
        *lifetime = pool.statistics.connections_closed_max_lifetime;
        *idle = pool.statistics.connections_closed_idle_timeout;
        PoolFigures {
            size: self.turns.number(),
            in_use: pool.connections.saturating_sub(pool.idle_connections),
            idle: pool.idle_connections,
            lost: self.manager.state.lost.number(),
            waiting: self.turns.waiting(),
            opened: pool.statistics.connections_created,
            closed,
            connect_failures: counts.connect_failures.load(Relaxed),
            is_reachable: counts.is_reachable.load(Relaxed),
        }
    }
}

/// The times that a session measures. They are recorded only if metrics were installed before this was made.
pub struct Measures {
    turn_wait: Histogram,
    connection_wait: Histogram,
    /// By the names of the queries.
    queries: HashMap<&'static str, Histogram>,
}

impl Measures {
    pub fn new(queries: &[&'static Query]) -> Self {
        let of_query = |query: &&'static Query| {
            let name = query.statement.name;
            let label = name.strip_prefix("tasks/").unwrap_or(name);
            (name, histogram!("rowkeep_database_duration_seconds", "query" => label))
        };
        Self {
            turn_wait: histogram!("rowkeep_turn_wait_seconds"),
            connection_wait: histogram!("rowkeep_connection_wait_seconds"),
            queries: queries.iter().map(of_query).collect(),
        }
    }

    pub(super) fn waited_for_turn(&self, time: Duration) {
        self.turn_wait.record(time);
    }

    pub(super) fn waited_for_connection(&self, time: Duration) {
        self.connection_wait.record(time);
    }

    /// Records a transaction once: the second query, if there is one, is the count, which takes longest.
    pub(super) fn ran(&self, first: &BoundQuery, second: Option<&BoundQuery>, time: Duration) {
        if let Some(duration) = self.queries.get(second.unwrap_or(first).query.statement.name) {
            duration.record(time);
        }
    }
}
