//! A request on its way to its response, and its line in the log.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use http::StatusCode;
use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;

use super::request::LogEntry;
use super::request_metrics::Series;
use super::response::Response;
use super::slow_requests::TimedRequest;
use crate::session::watch_transactions;
use crate::traces::TraceIds;

/// A future of the response that logs its status.
///
/// hyper drops it when the client closes the connection. If a transaction has started by then, its outcome is awaited all
/// the same, so that the log says what became of the change. Otherwise the request ends there, without using the database.
pub(super) struct Exchange {
    /// None after its end.
    state: Option<State>,
    has_transaction: bool,
    tasks: TaskTracker,
}

type Work = Pin<Box<dyn Future<Output = Response> + Send>>;

struct State {
    work: Work,
    line: Line,
}

/// What the log says about a request.
pub(super) struct Line {
    pub(super) id: String,
    pub(super) trace: TraceIds,
    pub(super) method: String,
    pub(super) path: String,
    pub(super) started: Instant,
    pub(super) entry: LogEntry,
    /// What is counted of it, if metrics are recorded.
    pub(super) series: Option<Arc<Series>>,
    /// Whether it is slow, and its trace, if somebody wants to know.
    pub(super) timed: Option<Arc<TimedRequest>>,
}

impl Exchange {
    /// `tasks` are those that the server waits for when it stops.
    pub(super) fn new(
        work: impl Future<Output = Response> + Send + 'static,
        line: Line,
        tasks: TaskTracker,
    ) -> Self {
        Self { state: Some(State { work: Box::pin(work), line }), has_transaction: false, tasks }
    }
}

impl Future for Exchange {
    type Output = Response;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Response> {
        let Some(state) = &mut self.state else { return Poll::Pending };
        let (polled, started) = watch_transactions(|| state.work.as_mut().poll(context));
        self.has_transaction |= started;

        let mut response = ready!(polled);
        if let Some(State { mut line, .. }) = self.state.take() {
            if let Some(timed) = line.timed.take() {
                let unwritten = timed.answers(response.status());
                response.extensions_mut().insert(unwritten);
            }
            line.answered(response.status());
        }
        Poll::Ready(response)
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let Some(State { work, line }) = self.state.take() else { return };
        // The work ends before its line, which says what it has waited for.
        if !self.has_transaction {
            drop(work);
            line.client_left("nothing was changed", None);
        } else if Handle::try_current().is_err() {
            drop(work);
            line.client_left("not known", None);
        } else {
            self.tasks.spawn(async move {
                let status = work.await.status();
                let outcome = match status.as_u16() {
                    ..400 => "carried out",
                    400..500 => "refused: nothing was changed",
                    _ => "failed: see the other lines of this request",
                };
                line.client_left(outcome, Some(status));
            });
        }
    }
}

impl Line {
    fn count(&self, status: Option<StatusCode>) {
        if let Some(series) = &self.series {
            series.ended(status, self.started.elapsed());
        }
    }

    fn answered(self, status: StatusCode) {
        self.count(Some(status));
        let Self { id, trace, method, path, started, entry, .. } = self;
        let (status, duration) = (status.as_u16(), started.elapsed().as_nanos() as u64);
        // The macros need a level that the compiler knows.
        macro_rules! answered {
            ($log:ident) => {
                tracing::$log!(
                    http.request.id = id,
                    trace.id = trace.trace.map(display),
                    span.id = trace.span.map(display),
                    http.request.method = method,
                    url.path = path,
                    http.route = entry.route(),
                    http.response.status_code = status,
                    event.duration = duration,
                    "answered"
                )
            };
        }
        if entry.is_left_out() { answered!(debug) } else { answered!(info) }
    }

    fn client_left(self, outcome: &str, status: Option<StatusCode>) {
        self.count(status);
        let Self { id, trace, method, path, started, entry, .. } = self;
        tracing::info!(
            http.request.id = id,
            trace.id = trace.trace.map(display),
            span.id = trace.span.map(display),
            http.request.method = method,
            url.path = path,
            http.route = entry.route(),
            http.response.status_code = status.map(|status| status.as_u16()),
            rowkeep.outcome = outcome,
            event.duration = started.elapsed().as_nanos() as u64,
            "the client left before its answer"
        );
    }
}
