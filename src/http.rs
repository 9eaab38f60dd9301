//! The HTTP server and its routes.

mod admin;
pub mod body;
mod client_address;
mod client_stream;
mod compression;
mod connections;
mod cors;
mod documentation;
pub mod envelope;
mod exchange;
#[cfg(any(test, fuzzing))]
#[allow(clippy::panic, reason = "a target fails by a panic")]
pub(crate) mod fuzz;
mod health;
mod host;
mod keep_alive;
mod last_response;
mod log_limit;
pub mod members;
mod middleware;
mod openapi;
mod pace;
mod rate_limit;
pub mod request;
mod request_metrics;
pub mod response;
pub mod response_memory;
mod route_template;
mod server;
mod shares;
mod slow_requests;
pub mod tasks;
pub mod user_tasks;
pub mod v1_tasks;
mod wal_position;
mod whole_list;

use std::convert::Infallible;
use std::future::ready;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::filters::path::FullPath;

use crate::auth::Verifier;
use crate::cursor::Cursors;
use crate::refusal::Refusal;
use crate::session::Session;
use crate::traces::Traces;
pub use admin::{Admin, MAX_ADMIN_CONNECTIONS};
pub use client_address::TrustedProxies;
pub use connections::MAX_CONNECTIONS;
pub use cors::Origins;
use documentation::MintToken;
pub use envelope::Envelopes;
use health::HealthCheck;
use log_limit::LogLimit;
pub use openapi::document;
use rate_limit::RateLimits;
use request_metrics::HttpMetrics;
use response::{DEFAULT_ERRORS, ErrorFormat, Response};
use response_memory::ResponseMemory;
pub use server::serve;
use slow_requests::SlowRequests;

/// The state that handlers share.
#[derive(Clone)]
pub struct App {
    verifier: Arc<Verifier>,
    database: Arc<OnceLock<Database>>,
    health: Arc<HealthCheck>,
    response_memory: ResponseMemory,
    timeouts: Timeouts,
    stop_announced: CancellationToken,
    rate_limits: Arc<RateLimits>,
    trusted_proxies: Arc<TrustedProxies>,
    envelopes: Arc<Envelopes>,
    /// None: nobody wants to know.
    metrics: Option<Arc<HttpMetrics>>,
    /// None: no request counts as slow.
    slow_requests: Option<Arc<SlowRequests>>,
    /// None: no request is traced.
    traces: Option<Arc<Traces>>,
    /// Whether replicas serve reads, so that answers have a position.
    has_replicas: bool,
    /// Only in development, with the secret that the server made itself.
    mint_token: Option<MintToken>,
    /// Only in development.
    unknown_parameters: Option<Arc<LogLimit>>,
}

/// The time limits of clients.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// For the head of a request, and again for its body.
    pub request: Duration,
    /// For the wait between two requests on a connection.
    pub keep_alive: Duration,
}

/// What requests need from the database.
struct Database {
    session: Session,
    cursors: Cursors,
}

impl App {
    /// An app without a database: requests that need one are refused.
    pub fn new(verifier: Verifier, timeouts: Timeouts) -> Self {
        Self {
            verifier: Arc::new(verifier),
            database: Arc::default(),
            health: Arc::default(),
            response_memory: ResponseMemory::default(),
            timeouts,
            stop_announced: CancellationToken::new(),
            rate_limits: Arc::new(RateLimits::new(0)),
            trusted_proxies: Arc::default(),
            envelopes: Arc::default(),
            metrics: None,
            slow_requests: None,
            traces: None,
            has_replicas: false,
            mint_token: None,
            unknown_parameters: None,
        }
    }

    /// Serves requests from this database from now on. Only the first call counts.
    pub fn open(&self, session: Session, cursors: Cursors) {
        let _ = self.database.set(Database { session, cursors });
        // Otherwise the session would not have opened.
        self.health.protection.is(true);
    }

    /// # Errors
    /// [`Refusal::Busy`] until the database was reached for the first time.
    fn database(&self) -> Result<&Database, Refusal> {
        self.database.get().ok_or_else(|| Refusal::Busy("the database has not been reached yet".into()))
    }

    /// Whether a token can be verified. Without a key `/health` is 503.
    pub fn has_key(&self) -> bool {
        self.verifier.has_key()
    }

    /// Makes `/health` say 503 and every answer `Connection: close` from now on, so that balancers go elsewhere. Requests are
    /// still served.
    pub fn announce_stop(&self) {
        self.stop_announced.cancel();
    }

    /// Limits the requests per second of each user, and the failed sign-ins of each client address; 0 means no limit.
    /// Trusted proxies say what the address of a client is.
    #[must_use]
    pub fn with_rate_limit(mut self, per_second: u32, trusted_proxies: TrustedProxies) -> Self {
        self.rate_limits = Arc::new(RateLimits::new(per_second));
        self.trusted_proxies = Arc::new(trusted_proxies);
        self
    }

    /// Puts the lists of some contracts into objects.
    #[must_use]
    pub fn with_envelopes(mut self, envelopes: Envelopes) -> Self {
        self.envelopes = Arc::new(envelopes);
        self
    }

    /// Counts requests for Prometheus. Metrics must have been installed.
    #[must_use]
    pub fn with_metrics(mut self) -> Self {
        self.metrics = Some(HttpMetrics::new());
        self
    }

    /// Logs the parts of each request that takes longer than `limit`. Comes after [`App::with_rate_limit`], which limits the
    /// lines.
    #[must_use]
    pub fn with_slow_requests(mut self, limit: Duration) -> Self {
        self.slow_requests = Some(Arc::new(SlowRequests::new(limit, self.rate_limits.clone())));
        self
    }

    /// Makes spans of each request.
    #[must_use]
    pub fn with_traces(mut self, traces: Option<Arc<Traces>>) -> Self {
        self.traces = traces;
        self
    }

    /// Tells clients what they have seen, for reads from replicas.
    #[must_use]
    pub fn with_replicas(mut self, has_replicas: bool) -> Self {
        self.has_replicas = has_replicas;
        self
    }

    /// Offers a token to the page `/docs`, to browsers on this machine only.
    #[must_use]
    pub fn with_ready_token(
        mut self,
        mint: impl Fn(&str) -> Result<String, String> + Send + Sync + 'static,
    ) -> Self {
        self.mint_token = Some(Arc::new(mint));
        self
    }

    /// Names the query parameters that a list does not know in the log: a front end that filters by one gets wrong tasks.
    #[must_use]
    pub fn with_warnings_of_unknown_parameters(mut self) -> Self {
        self.unknown_parameters = Some(Arc::default());
        self
    }
}

/// The error format of the contract that a path belongs to, for errors before routing.
fn error_format(path: &str) -> ErrorFormat {
    let is_below =
        |list: &str| path.strip_prefix(list).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    if is_below("/api/v1") {
        v1_tasks::ERRORS
    } else if is_below("/api/tasks") {
        tasks::ERRORS
    } else {
        DEFAULT_ERRORS
    }
}

/// The routes of a connection beyond the limit: whether the server runs, and a refusal for every other path.
fn routes_beyond_the_limit(app: &App) -> BoxedFilter<(Response,)> {
    let others = warp::path::full()
        .map(|path: FullPath| error_format(path.as_str()).refuse(Refusal::TooManyConnections));
    health::routes(app).or(others).unify().boxed()
}

/// Every route. A path that no contract has gets a 404.
fn routes(app: &App) -> BoxedFilter<(Response,)> {
    let contracts = tasks::routes(app)
        .or(v1_tasks::routes(app))
        .unify()
        .or(user_tasks::routes(app))
        .unify()
        .or(health::routes(app))
        .unify()
        .or(documentation::routes(app))
        .unify();

    // A rejection only ever means "not this route".
    contracts.recover(|_| ready(Ok::<_, Infallible>(response::no_such_route()))).unify().boxed()
}
