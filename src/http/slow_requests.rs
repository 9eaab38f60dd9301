//! A line in the log for each slow request, with the time of its parts. The spans of a traced request end here, too.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use ::metrics::{Counter, counter};
use http::StatusCode;

use super::exchange::Line;
use super::rate_limit::RateLimits;
use crate::metrics::RequestTimes;
use crate::traces::{RequestTrace, TraceIds};

/// Looks for requests that take longer than a limit.
pub(super) struct SlowRequests {
    limit: Duration,
    lines: Arc<RateLimits>,
    counter: Counter,
}

/// A request that may be slow, or is traced. It ends when this is dropped: after the last byte of its answer was handed to the
/// system, or when it is certain that the client gets no more.
pub(super) struct TimedRequest {
    /// None: no request counts as slow.
    watch: Option<Arc<SlowRequests>>,
    id: String,
    trace: TraceIds,
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
}

impl TimedRequest {
    pub(super) fn new(
        watch: Option<Arc<SlowRequests>>,
        about: &Line,
        trace: Option<RequestTrace>,
    ) -> Arc<Self> {
        Arc::new(Self {
            watch,
            id: about.id.clone(),
            trace: about.trace,
            method: about.method.clone(),
            route: about.entry.route(),
            started: about.started,
            times: Arc::new(RequestTimes { trace, ..RequestTimes::default() }),
            answered: OnceLock::new(),
        })
    }

    /// Notes that the answer begins. The request ends with the mark.
    pub(super) fn answers(self: Arc<Self>, status: StatusCode) -> Unwritten {
        let _ = self.answered.set((Instant::now(), status));
        Unwritten { _request: self }
    }
}

impl Drop for TimedRequest {
    fn drop(&mut self) {
        let total = self.started.elapsed();
        let answer = self.answered.get();
        if let Some(trace) = &self.times.trace {
            trace.end(answer.map(|(_, status)| status.as_u16()));
        }
        let Some(watch) = self.watch.as_ref().filter(|watch| total >= watch.limit) else { return };
        watch.counter.increment(1);
        let Some(left_out) = watch.lines.admit_slow_line() else { return };
        let Self { id, trace, method, route, times, .. } = self;
        tracing::warn!(
            http.request.id = id,
            trace.id = trace.trace.map(display),
            span.id = trace.span.map(display),
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
