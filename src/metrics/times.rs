//! How long a request has waited for what.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

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

    /// Adds the time until the result is dropped: also if somebody stops waiting before the end.
    pub fn measure(&self) -> Measured<'_> {
        Measured { part: self, started: Instant::now() }
    }

    pub fn millis(&self) -> u64 {
        self.0.load(Relaxed) / 1000
    }
}

/// A wait that is being measured.
#[must_use = "the time ends when it is dropped"]
pub struct Measured<'a> {
    part: &'a Part,
    started: Instant,
}

impl Drop for Measured<'_> {
    fn drop(&mut self) {
        self.part.add(self.started.elapsed());
    }
}
