//! How long a request has waited for what.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use crate::traces::RequestTrace;

/// The parts of the time of one request, for the line about a slow one and for its trace. A long list has several transactions:
/// each part is the sum of them all, and has a span for each.
#[derive(Debug, Default)]
pub struct RequestTimes {
    /// Reading the body.
    pub body: Part,
    /// Waiting for a turn.
    pub turn: Part,
    /// Waiting for a connection to the database, with a turn.
    pub connection: Part,
    /// The transactions, from their first byte to the answer of the COMMIT.
    pub database: Part,
    /// Where the spans of the parts go, if the request is traced.
    pub trace: Option<RequestTrace>,
}

/// A sum of times.
#[derive(Debug, Default)]
pub struct Part(AtomicU64);

impl Part {
    pub fn add(&self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.0.fetch_add(micros, Relaxed);
    }

    pub fn millis(&self) -> u64 {
        self.0.load(Relaxed) / 1000
    }
}
