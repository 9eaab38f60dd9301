//! The server: what is on every path, and how requests get there.

pub mod answer;
pub mod body;
mod cors;
mod front;
mod health;
mod json;
pub mod request;
mod room;
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
use answer::Response;
pub use cors::Origins;
use front::Front;
use health::Health;
pub use server::serve;

/// What handlers work with.
#[derive(Clone)]
pub struct App {
    verifier: Arc<Verifier>,
    session: Session,
    cursors: Arc<Cursors>,
    health: Arc<Health>,
    request_timeout: Duration,
}

impl App {
    /// `request_timeout` is how long a request's head, and then its body, may take to arrive.
    pub fn new(verifier: Verifier, session: Session, cursors: Cursors, request_timeout: Duration) -> Self {
        Self {
            verifier: Arc::new(verifier),
            session,
            cursors: Arc::new(cursors),
            health: Arc::default(),
            request_timeout,
        }
    }
}

/// Every route of every contract; whatever none of them knows is answered as well.
fn routes(app: &App) -> BoxedFilter<(Response,)> {
    let contracts = tasks::routes(app)
        .or(v1_tasks::routes(app))
        .unify()
        .or(user_tasks::routes(app))
        .unify()
        .or(health::routes(app))
        .unify();

    // A rejection means "not this route" and nothing else.
    contracts.recover(|_| ready(Ok::<_, Infallible>(answer::no_such_route()))).unify().boxed()
}
