//! The HTTP server and its routes.

pub mod body;
mod client_stream;
mod cors;
mod health;
mod host;
mod keep_alive;
pub mod members;
mod middleware;
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

use tokio_util::sync::CancellationToken;
use warp::Filter;
use warp::filters::BoxedFilter;

use crate::auth::Verifier;
use crate::cursor::Cursors;
use crate::session::Session;
pub use cors::Origins;
use health::HealthCheck;
use response::Response;
use response_memory::ResponseMemory;
pub use server::{MAX_CONNECTIONS, serve};

/// The state that handlers share.
#[derive(Clone)]
pub struct App {
    verifier: Arc<Verifier>,
    session: Session,
    cursors: Arc<Cursors>,
    health: Arc<HealthCheck>,
    response_memory: ResponseMemory,
    timeouts: Timeouts,
    stop_announced: CancellationToken,
}

/// The time limits of clients.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// For the head of a request, and again for its body.
    pub request: Duration,
    /// For the wait between two requests on a connection.
    pub keep_alive: Duration,
}

impl App {
    pub fn new(verifier: Verifier, session: Session, cursors: Cursors, timeouts: Timeouts) -> Self {
        Self {
            verifier: Arc::new(verifier),
            session,
            cursors: Arc::new(cursors),
            health: Arc::default(),
            response_memory: ResponseMemory::default(),
            timeouts,
            stop_announced: CancellationToken::new(),
        }
    }

    /// Makes `/health` say 503 from now on, so that balancers send no more requests. Requests are still served.
    pub fn announce_stop(&self) {
        self.stop_announced.cancel();
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
