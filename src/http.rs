//! The HTTP server and its routes.

pub mod body;
mod client_address;
mod connections;
mod cors;
mod exchange;
mod health;
pub mod members;
mod middleware;
mod rate_limit;
pub mod request;
pub mod response;
pub mod response_memory;
mod server;
pub mod tasks;
pub mod user_tasks;
pub mod v1_tasks;
mod whole_list;

use std::convert::Infallible;
use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

use warp::Filter;
use warp::filters::BoxedFilter;

use crate::auth::Verifier;
use crate::cursor::Cursors;
use crate::session::Session;
pub use client_address::TrustedProxies;
pub use connections::MAX_CONNECTIONS;
pub use cors::Origins;
use health::HealthCheck;
use rate_limit::RateLimits;
use response::Response;
use response_memory::ResponseMemory;
pub use server::serve;

/// The state that handlers share.
#[derive(Clone)]
pub struct App {
    verifier: Arc<Verifier>,
    session: Session,
    cursors: Arc<Cursors>,
    health: Arc<HealthCheck>,
    response_memory: ResponseMemory,
    request_timeout: Duration,
    rate_limits: Arc<RateLimits>,
    trusted_proxies: Arc<TrustedProxies>,
}

impl App {
    /// `request_timeout` is the time limit for the head of a request, and again for its body.
    pub fn new(verifier: Verifier, session: Session, cursors: Cursors, request_timeout: Duration) -> Self {
        Self {
            verifier: Arc::new(verifier),
            session,
            cursors: Arc::new(cursors),
            health: Arc::default(),
            response_memory: ResponseMemory::default(),
            request_timeout,
            rate_limits: Arc::new(RateLimits::new(0)),
            trusted_proxies: Arc::default(),
        }
    }

    /// Limits the requests per second of each user, and the failed sign-ins of each client address; 0 means no limit.
    /// Trusted proxies say what the address of a client is.
    #[must_use]
    pub fn with_rate_limit(mut self, per_second: u32, trusted_proxies: TrustedProxies) -> Self {
        self.rate_limits = Arc::new(RateLimits::new(per_second));
        self.trusted_proxies = Arc::new(trusted_proxies);
        self
    }
}

/// Every route. A path that no contract has gets a 404.
fn routes(app: &App) -> BoxedFilter<(Response,)> {
    let contracts = tasks::routes(app)
        .or(v1_tasks::routes(app))
        .unify()
        .or(user_tasks::routes(app))
        .unify()
        .or(health::routes(app))
        .unify();

    // A rejection only ever means "not this route".
    contracts.recover(|_| ready(Ok::<_, Infallible>(response::no_such_route()))).unify().boxed()
}
