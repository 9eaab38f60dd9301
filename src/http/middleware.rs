//! Steps before and after every route: request id, CORS, HEAD and OPTIONS, compression, log line.

use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use futures_util::FutureExt;
use http::header::{ALLOW, CACHE_CONTROL, HOST, HeaderMap, HeaderName, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use http::{Method, Request, StatusCode, Uri};
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use opentelemetry::trace::SpanContext;
use tokio_util::task::TaskTracker;
use tracing::Instrument;
use warp::filters::BoxedFilter;

use super::body::transfer_encoding_is_known;
use super::compression::{Compression, preferred_coding};
use super::cors::{self, Origins};
use super::exchange::{Exchange, Line};
use super::keep_alive::RequestBody;
use super::log_limit::LogLimit;
use super::request::{LogEntry, Peer};
use super::request_metrics::HttpMetrics;
use super::response::{
    ErrorFormat, Response, bad_host, bad_transfer_encoding, empty, too_many_parameters, with_header,
};
use super::route_template::route_template;
use super::slow_requests::{SlowRequests, TimedRequest};
use super::wal_position::PositionSlot;
use super::{TrustedProxies, error_format, host};
use crate::refusal::Refusal;
use crate::traces::{self, About, RequestTrace, TraceIds, Traces};

/// Every method that some path supports.
const ALL_METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The largest number of query parameters. PHP and Express have the same limit. No route knows more than 16.
const MAX_PARAMETERS: usize = 1000;

/// The longest request id of a client that is used.
const MAX_REQUEST_ID_CHARACTERS: usize = 128;

pub(super) struct Middleware {
    routes: BoxedFilter<(Response,)>,
    origins: Origins,
    refused_origins: LogLimit,
    audience: Audience,
    compression: Compression,
    /// A random start, so that the request ids of two runs of the server differ.
    first_id: u64,
    requests: AtomicU64,
    /// The tasks that the server waits for when it stops.
    tasks: TaskTracker,
}

/// Who sends the requests.
pub(super) enum Audience {
    /// Users of the API. Their requests are counted, timed and traced, if somebody wants to know.
    Clients(Watchers),
    /// Programs of the operator, which ask every few seconds: their requests have a line only at level debug.
    Operators,
}

/// Who wants to know something about each request.
pub(super) struct Watchers {
    pub(super) metrics: Option<Arc<HttpMetrics>>,
    pub(super) slow_requests: Option<Arc<SlowRequests>>,
    pub(super) traces: Option<Arc<Traces>>,
    /// Whether answers say what their requests have seen.
    pub(super) has_positions: bool,
    /// Who may say what the address of a client is.
    pub(super) trusted_proxies: Arc<TrustedProxies>,
}

impl Audience {
    fn metrics(&self) -> Option<&HttpMetrics> {
        match self {
            Self::Clients(watchers) => watchers.metrics.as_deref(),
            Self::Operators => None,
        }
    }

    fn has_positions(&self) -> bool {
        matches!(self, Self::Clients(Watchers { has_positions: true, .. }))
    }

    /// Whether a request is slow, and its trace, if somebody wants to know. Adds the ids of its trace to its line.
    fn timed(
        &self,
        request: &Request<RequestBody>,
        peer: SocketAddr,
        line: &mut Line,
    ) -> Option<Arc<TimedRequest>> {
        let parent = traces::parent(request.headers());
        line.trace.trace = parent.as_ref().map(SpanContext::trace_id);
        let Self::Clients(Watchers { slow_requests, traces, trusted_proxies, .. }) = self else {
            return None;
        };
        let trace = traces.as_ref().and_then(|traces| {
            let client = trusted_proxies.client(peer.ip(), request.headers());
            let Line { id, method, path, entry, .. } = &*line;
            let about = About { id, method, path, route: entry.route(), client };
            traces.begin(parent.as_ref(), line.started, &about)
        });
        line.trace = trace.as_ref().map_or(line.trace, RequestTrace::ids);
        let is_timed = slow_requests.is_some() || trace.is_some();
        is_timed.then(|| TimedRequest::new(slow_requests.clone(), line, trace))
    }
}

impl Middleware {
    pub(super) fn new(
        routes: BoxedFilter<(Response,)>,
        origins: Origins,
        tasks: TaskTracker,
        audience: Audience,
    ) -> Self {
        let mut first_id = [0; 8];
        // If the machine has no randomness, two runs use the same ids, which is harmless.
        let _ = aws_lc_rs::rand::fill(&mut first_id);
        Self {
            routes,
            origins,
            refused_origins: LogLimit::default(),
            audience,
            compression: Compression::new(),
            first_id: u64::from_ne_bytes(first_id),
            requests: AtomicU64::new(0),
            tasks,
        }
    }

    /// Responds to a request, also if its handler panics, and logs it.
    pub(super) fn respond(self: &Arc<Self>, mut request: Request<RequestBody>, peer: SocketAddr) -> Exchange {
        let (path, started) = (request.uri().path(), Instant::now());
        let route = route_template(path);
        let entry = LogEntry::of_route(route, matches!(self.audience, Audience::Operators));
        let id = clients_id(request.headers()).map_or_else(|| self.new_id(), str::to_owned);
        let method = method_for_log(request.method());
        let series = self.audience.metrics().and_then(|metrics| metrics.series(request.method(), route));
        let (path, trace) = (path_for_log(path), TraceIds::default());
        let mut line =
            Line { id: id.clone(), trace, method, path, started, entry: entry.clone(), series, timed: None };
        line.timed = self.audience.timed(&request, peer, &mut line);
        let trace = line.trace;
        request.extensions_mut().insert(entry);
        if let Some(timed) = &line.timed {
            request.extensions_mut().insert(timed.times.clone());
        }
        let this = self.clone();
        let work = async move {
            // At this level, errors have the id whatever LOG_LEVEL is.
            let span = tracing::error_span!(
                "request",
                http.request.id = id,
                trace.id = trace.trace.map(display),
                span.id = trace.span.map(display)
            );
            let mut response = this.respond_with_headers(request, peer).instrument(span).await;
            if let Ok(id) = HeaderValue::try_from(id) {
                response.headers_mut().insert(REQUEST_ID, id);
            }
            response
        };
        Exchange::new(work, line, self.tasks.clone())
    }

    /// Counts a request that was not complete, and was answered all the same.
    pub(super) fn count_incomplete(&self, status: u16) {
        if let Some(metrics) = self.audience.metrics() {
            metrics.incomplete(status);
        }
    }

    /// An id for a request that has none.
    pub(super) fn new_id(&self) -> String {
        format!("{:016x}", self.first_id.wrapping_add(self.requests.fetch_add(1, Ordering::Relaxed)))
    }

    async fn respond_with_headers(&self, mut request: Request<RequestBody>, peer: SocketAddr) -> Response {
        let origin = self.origins.listed(request.headers());
        if origin.is_none() {
            self.warn_of_refused_origin(request.headers());
        }
        let is_preflight = origin.is_some() && cors::is_preflight(request.method(), request.headers());
        let preflight_headers = is_preflight.then(|| cors::preflight_headers(request.headers()));
        let is_options = request.method() == Method::OPTIONS;
        let coding = preferred_coding(request.headers());
        request.extensions_mut().insert(Peer(peer));
        let version = request.version();
        request.extensions_mut().insert(version);
        let host_is_acceptable = host::is_acceptable(version, request.uri(), request.headers());
        let named = request.uri().authority().and_then(|host| HeaderValue::try_from(host.as_str()).ok());
        if let Some(named) = named.filter(|_| host_is_acceptable) {
            // Where the target names the host, `Host` does not count (RFC 9112, section 3.2.2).
            request.headers_mut().insert(HOST, named);
        }
        if request.method() == Method::HEAD {
            // hyper knows that the request was HEAD, and sends no body.
            *request.method_mut() = Method::GET;
        }

        let slot = self.audience.has_positions().then(PositionSlot::default);
        if let Some(slot) = &slot {
            request.extensions_mut().insert(slot.clone());
        }
        let errors = error_format(request.uri().path());
        let mut response = if !host_is_acceptable {
            bad_host(errors)
        } else if number_of_parameters(request.uri()) > MAX_PARAMETERS {
            too_many_parameters(errors, MAX_PARAMETERS)
        } else if !transfer_encoding_is_known(request.headers()) {
            bad_transfer_encoding(errors)
        } else if is_preflight {
            empty(StatusCode::NO_CONTENT)
        } else if is_options && request.uri().path() == "*" {
            // The request is about the server, not about a path (RFC 9110, section 9.3.7).
            with_header(empty(StatusCode::NO_CONTENT), ALLOW, HeaderValue::from_static(ALL_METHODS))
        } else {
            self.route(request, errors).await
        };
        if is_options && response.status() == StatusCode::METHOD_NOT_ALLOWED {
            // Every path supports OPTIONS, and answers with the Allow header of the 405.
            let allow = response.headers_mut().remove(ALLOW);
            response = empty(StatusCode::NO_CONTENT);
            response.headers_mut().extend(allow.map(|allow| (ALLOW, allow)));
        }

        if let Some(slot) = slot {
            slot.add_to(&mut response);
        }
        let is_secret = response.extensions().get::<cors::NotForOtherOrigins>().is_some();
        let headers = response.headers_mut();
        cors::add_headers(headers, origin.filter(|_| !is_secret));
        for (name, value) in preflight_headers.into_iter().flatten() {
            headers.insert(name, value);
        }
        // The documentation is the same for all users, and says itself how long it may be kept.
        headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        self.compression.apply(coding, response)
    }

    /// Browsers tell the page only that CORS has failed, so the log says which setting is missing.
    fn warn_of_refused_origin(&self, headers: &HeaderMap) {
        // CORS_ORIGINS is about the API. A page has no business with the listener for operators.
        let Audience::Clients { .. } = self.audience else { return };
        let Some(origin) = cors::other_origin(headers) else { return };
        if let Some(metrics) = self.audience.metrics() {
            metrics.refused_origins.increment(1);
        }
        let Some(origin) = self.refused_origins.admit(origin.as_bytes()) else { return };
        let advice = match origin.as_str() {
            "null" => {
                "CORS_ORIGINS cannot list local files and sandboxed pages: open the page from a web server"
            }
            _ => "add the origin to CORS_ORIGINS if the page is yours",
        };
        tracing::warn!(
            rowkeep.origin = origin,
            rowkeep.advice = advice,
            "a page of this origin may not read answers (CORS)"
        );
    }

    async fn route(&self, request: Request<RequestBody>, errors: ErrorFormat) -> Response {
        let routes = TowerToHyperService::new(warp::service(self.routes.clone()));
        match AssertUnwindSafe(async move { routes.call(request).await }).catch_unwind().await {
            Ok(Ok(response)) => response,
            Ok(Err(never)) => match never {},
            Err(_) => errors.refuse(Refusal::Broken("a handler panicked".into())),
        }
    }
}

fn number_of_parameters(target: &Uri) -> usize {
    let parameters = target.query().unwrap_or_default().split('&');
    parameters.filter(|parameter| !parameter.is_empty()).count()
}

/// The request id of the client, if the log and a header can repeat it.
fn clients_id(headers: &HeaderMap) -> Option<&str> {
    let id = headers.get(REQUEST_ID)?.to_str().ok()?;
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let is_short = (1..=MAX_REQUEST_ID_CHARACTERS).contains(&id.len());
    (is_short && id.bytes().all(is_allowed)).then_some(id)
}

/// The longest path that a route has, in segments. A log line does not need more.
const MAX_SEGMENTS: usize = 8;

/// The longest decimal that can be the id of a task.
const MAX_ID_DIGITS: usize = 19;

/// The longest method that a log line repeats. The longest registered one has 17 letters.
const MAX_METHOD_LETTERS: usize = 20;

/// The method, or `*` where a client has invented a long one.
fn method_for_log(method: &Method) -> String {
    let method = method.as_str();
    if method.len() > MAX_METHOD_LETTERS { "*" } else { method }.to_owned()
}

/// The path without the user id, which can be an e-mail address and must not be in a log, and without anything long.
fn path_for_log(path: &str) -> String {
    const KNOWN: [&str; 10] =
        ["", "api", "v1", "tasks", "complete", "toggle", "health", "live", "docs", "openapi.json"];
    let mut previous = "";
    let segments = path.split('/').take(MAX_SEGMENTS).enumerate().map(|(at, segment)| {
        let is_task_id = previous == "tasks"
            && segment.len() <= MAX_ID_DIGITS
            && segment.bytes().all(|byte| byte.is_ascii_digit());
        previous = segment;
        match segment {
            "" | "v1" | "tasks" => segment,
            _ if at == 2 && path.starts_with("/api/") => "{user_id}",
            _ if is_task_id || KNOWN.contains(&segment) => segment,
            _ => "*",
        }
    });
    segments.collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::path_for_log;

    #[test]
    fn a_logged_path_does_not_contain_the_user() {
        assert_eq!(path_for_log("/api/a%40b.example/tasks/7"), "/api/{user_id}/tasks/7");
        assert_eq!(path_for_log("/api/a%40b.example"), "/api/{user_id}");
        assert_eq!(path_for_log("/api/v1/tasks/7"), "/api/v1/tasks/7");
        assert_eq!(path_for_log("/api/tasks/7"), "/api/tasks/7");
        assert_eq!(path_for_log("/health/"), "/health/");
        assert_eq!(path_for_log("/openapi.json"), "/openapi.json");
        assert_eq!(path_for_log("/docs/"), "/docs/");
        assert_eq!(path_for_log("/api/7/tasks/7/complete"), "/api/{user_id}/tasks/7/complete");
        assert_eq!(path_for_log("/api//4711/tasks/7"), "/api//*/tasks/7");
        assert_eq!(path_for_log("/api/users/a%40b.example/tasks"), "/api/{user_id}/*/tasks");
        assert_eq!(path_for_log(&"/".repeat(60_000)), "///////");
        assert_eq!(path_for_log(&format!("/api/tasks/{}", i64::MAX)), format!("/api/tasks/{}", i64::MAX));
        assert_eq!(path_for_log(&format!("/api/tasks/{}", "1".repeat(60_000))), "/api/tasks/*");
    }
}
