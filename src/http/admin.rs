//! The second listener, for operators and their programs: `/live`, `/ready` and `/metrics`, and nothing else.
//!
//! It has an address of its own, so that a network can let in who watches the server and nobody else. Its requests have the
//! same limits as others. They are not counted, and need no token.

mod figures;

use std::convert::Infallible;
use std::future::ready;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use ::metrics::Gauge;
use http::header::{CONTENT_TYPE, HeaderValue};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use warp::Filter;
use warp::filters::BoxedFilter;

use super::connections::Connections;
use super::keep_alive::Stop;
use super::last_response::TOO_MANY_CONNECTIONS;
use super::middleware::{Audience, Middleware};
use super::response::{self, DEFAULT_ERRORS, Response, with_header};
use super::server::{Service, accept};
use super::{App, Origins, health};
use crate::logging::Log;
use crate::metrics::Exporter;
use crate::refusal::Refusal;
use crate::time_limit::within;

/// The largest number of connections. An address may hold half of them.
pub const MAX_ADMIN_CONNECTIONS: usize = 32;

/// How long requests have to finish after the stop.
const STOP_TIMEOUT: Duration = Duration::from_secs(1);

/// The text format of Prometheus.
const TEXT_FORMAT: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

/// What operators ask for.
#[derive(Clone)]
pub struct Admin {
    pub app: App,
    pub exporter: Exporter,
    pub log: Log,
}

impl Admin {
    /// Answers operators until `stop` is cancelled, which comes after the last request of the API.
    pub async fn serve(self, listener: TcpListener, stop: CancellationToken) {
        let upkeep = tokio::spawn(self.exporter.clone().keep_up());
        let connections = TaskTracker::new();
        let places = Connections::new(MAX_ADMIN_CONNECTIONS, Arc::default());
        let stopping = Stop {
            announced: CancellationToken::new(),
            begun: CancellationToken::new(),
            ends: CancellationToken::new(),
        };
        let (timeouts, routes) = (self.app.timeouts, self.routes());
        let middleware =
            Middleware::new(routes, Origins::default(), connections.clone(), Audience::Operators);
        let service = Service {
            middleware: Arc::new(middleware),
            timeouts,
            stop: stopping.clone(),
            is_beyond: false,
            open: Gauge::noop(),
        };

        let mut stopped = pin!(stop.cancelled());
        loop {
            let accepted = tokio::select! {
                accepted = accept(&listener) => accepted,
                () = &mut stopped => break,
            };
            let Some((stream, peer)) = accepted else { continue };
            match places.place(peer).await {
                Some(place) => drop(connections.spawn(service.clone().serve(stream, peer, place))),
                None => TOO_MANY_CONNECTIONS.send_at_once(stream, &service.middleware.new_id()),
            }
        }

        drop(listener);
        stopping.announced.cancel();
        stopping.begun.cancel();
        connections.close();
        if within(STOP_TIMEOUT, connections.wait()).await.is_none() {
            stopping.ends.cancel();
        }
        upkeep.abort();
    }

    fn routes(self) -> BoxedFilter<(Response,)> {
        let refuse = || DEFAULT_ERRORS.refuse(Refusal::MethodNotAllowed("GET, HEAD, OPTIONS"));
        let app = self.app.clone();
        let ready_path = warp::path!("ready");
        let is_ready = ready_path.and(warp::get()).map(move || app.clone()).then(is_ready);
        let metrics_path = warp::path!("metrics");
        let metrics = metrics_path.and(warp::get()).map(move || self.metrics());

        let is_ready = is_ready.or(ready_path.map(refuse)).unify();
        let metrics = metrics.or(metrics_path.map(refuse)).unify();
        let routes = health::live_route().or(is_ready).unify().or(metrics).unify();
        routes.recover(|_| ready(Ok::<_, Infallible>(response::no_such_route()))).unify().boxed()
    }

    /// Every series with its value at this moment. Asks nothing of the database.
    fn metrics(&self) -> Response {
        figures::refresh(&self.app, &self.log);
        with_header(Response::new(self.exporter.text().into()), CONTENT_TYPE, TEXT_FORMAT)
    }
}

/// The same as `/health`, in the word of balancers.
async fn is_ready(app: App) -> Response {
    health::answer(health::look(&app).await, ["ready", "not ready"])
}
