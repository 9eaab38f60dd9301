//! A line in the log for each slow request, with the time of its parts.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use ::metrics::{Counter, counter};
use http::StatusCode;

use super::rate_limit::RateLimits;
use crate::metrics::RequestTimes;

/// Looks for requests that take longer than a limit.
pub(super) struct SlowRequests {
    limit: Duration,
    lines: Arc<RateLimits>,
    counter: Counter,
}

/// A request that may be slow. It ends when this is dropped: after the last byte of its answer was handed to the system, or
/// when it is certain that the client gets no more.
pub(super) struct TimedRequest {
    watch: Arc<SlowRequests>,
    id: String,
    method: String,
    route: Option<&'static str>,
    started: Instant,
    pub(super) times: Arc<RequestTimes>,
    /// When its answer was ready to be written, and its status.
    answered: OnceLock<(Instant, StatusCode)>,
}

/// An extension of a response that is not written yet.
#[derive(Clone)]
pub(super) struct Unwritten {
    _request: Arc<TimedRequest>,
}

impl SlowRequests {
    pub(super) fn new(limit: Duration, lines: Arc<RateLimits>) -> Self {
        Self { limit, lines, counter: counter!("rowkeep_slow_requests_total") }
    }

    pub(super) fn watch(
        self: &Arc<Self>,
        id: &str,
        method: &str,
        route: Option<&'static str>,
        started: Instant,
    ) -> Arc<TimedRequest> {
        Arc::new(TimedRequest {
            watch: self.clone(),
            id: id.to_owned(),
            method: method.to_owned(),
            route,
            started,
            times: Arc::default(),
            answered: OnceLock::new(),
        })
    }
}

impl TimedRequest {
    /// Notes that the answer begins. The request ends with the mark.
    pub(super) fn answers(self: Arc<Self>, status: StatusCode) -> Unwritten {
        let _ = self.answered.set((Instant::now(), status));
        Unwritten { _request: self }
    }
}

impl Drop for TimedRequest {
    fn drop(&mut self) {
        let total = self.started.elapsed();
        if total < self.watch.limit {
            return;
        }
        self.watch.counter.increment(1);
        let Some(left_out) = self.watch.lines.admit_slow_line() else { return };
        let Self { id, method, route, times, .. } = self;
        let answer = self.answered.get();
        tracing::warn!(
            http.request.id = id,
            http.request.method = method,
            http.route = route,
            http.response.status_code = answer.map(|(_, status)| status.as_u16()),
            event.duration = total.as_nanos() as u64,
            rowkeep.body_ms = times.body.millis(),
            rowkeep.turn_ms = times.turn.millis(),
            rowkeep.connection_ms = times.connection.millis(),
            rowkeep.database_ms = times.database.millis(),
            rowkeep.answer_ms = answer.map(|(began, _)| began.elapsed().as_millis() as u64),
            rowkeep.left_out_lines = Some(left_out).filter(|lines| *lines > 0),
            "slow request"
        );
    }
}
