//! Accepts connections, limits them, and closes them when the server stops.
//!
//! `warp::serve` sets no timer: a client that sends its request byte by byte would keep a connection for ever. Its
//! graceful shutdown also waits for ever.

use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
#[cfg(target_os = "linux")]
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::client_stream::{ClientStream, HeadTimer};
use super::connections::{AnswerBody, Connections, Place};
use super::keep_alive::{KeepAlive, Stop};
use super::last_response::{SHUTTING_DOWN, TOO_MANY_CONNECTIONS, TOO_SLOW, finish, unreadable};
use super::log_limit::LogLimit;
use super::middleware::Middleware;
use super::pace::Pace;
use super::{App, Origins, Timeouts, routes, routes_beyond_the_limit};
use crate::time_limit::within;

/// How many connections beyond the limit are open at the same time, with shares of their own. Further ones get their answer
/// at once and are closed.
const MAX_BEYOND: usize = 16;

/// The limits of a connection beyond the limit: its head is read for a second, and it gets one answer.
const TIMEOUTS_BEYOND: Timeouts = Timeouts { request: Duration::from_secs(1), keep_alive: Duration::ZERO };

/// The largest size of the request line with all headers, in bytes. The largest token takes half of it.
pub(super) const MAX_HEAD_BYTES: usize = 32 * 1024;

/// How many unsent bytes the kernel may hold (tcp(7), TCP_NOTSENT_LOWAT). Without this limit it holds megabytes, and accepts
/// more only after a slow client has read a third of them. The write timeout would close the connection before that.
#[cfg(target_os = "linux")]
const MAX_UNSENT_BYTES: u32 = 128 * 1024;

/// How much longer an idle connection stays open than the client is told. A request that the client sends at the last
/// moment still arrives in time.
const KEEP_ALIVE_MARGIN: Duration = Duration::from_secs(1);

/// Serves requests on at most `max_connections` connections, until `stop` resolves. Then finishes the requests that are in
/// progress, within `shutdown_timeout`.
pub async fn serve(
    listener: TcpListener,
    app: App,
    origins: Origins,
    max_connections: usize,
    stop: impl Future<Output = ()>,
    shutdown_timeout: Duration,
) {
    let timeouts = app.timeouts;
    let places = Connections::new(max_connections, app.trusted_proxies.clone());
    let places_beyond = Connections::of_one_answer(MAX_BEYOND, app.trusted_proxies.clone());
    let log_limit = LogLimit::default();
    let connections = TaskTracker::new();
    let stopping = Stop {
        announced: app.stop_announced.clone(),
        begun: CancellationToken::new(),
        ends: CancellationToken::new(),
    };
    let middleware = |routes| Arc::new(Middleware::new(routes, origins.clone(), connections.clone()));
    let service =
        Service { middleware: middleware(routes(&app)), timeouts, stop: stopping.clone(), is_beyond: false };
    let service_beyond = Service {
        middleware: middleware(routes_beyond_the_limit(&app)),
        timeouts: TIMEOUTS_BEYOND,
        stop: stopping.of_one_answer(),
        is_beyond: true,
    };
    let mut stop = pin!(stop);

    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stop => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // The client has disconnected already, or no file descriptor is left until other connections end.
                tracing::warn!(error.message = %error, "cannot accept a connection");
                sleep(Duration::from_millis(50)).await;
                continue;
            }
        };

        if let Some(place) = places.place(peer).await {
            connections.spawn(service.clone().serve(stream, peer, place));
            continue;
        }
        if log_limit.admit(b"too many connections").is_some() {
            tracing::warn!(
                source.address = %peer.ip(),
                source.port = peer.port(),
                "too many connections: this line comes once a minute"
            );
        }
        match places_beyond.place(peer).await {
            Some(place) => drop(connections.spawn(service_beyond.clone().serve(stream, peer, place))),
            None => TOO_MANY_CONNECTIONS.send_at_once(stream, &service_beyond.middleware.new_id()),
        }
    }

    drop(listener);
    stopping.announced.cancel();
    stopping.begun.cancel();
    connections.close();
    let finished = within(shutdown_timeout, async {
        connections.wait().await;
        if let Ok(database) = app.database() {
            database.session.close().await;
        }
    });
    if finished.await.is_none() {
        tracing::warn!(
            rowkeep.open_connections = connections.len(),
            "stopped while connections were still open"
        );
        stopping.ends.cancel();
        let _ = within(Duration::ZERO, connections.wait()).await;
    }
}

/// How the connections within the limit are served, or those beyond it.
#[derive(Clone)]
struct Service {
    middleware: Arc<Middleware>,
    timeouts: Timeouts,
    stop: Stop,
    /// Whether the connections are beyond the limit, so that each gets one answer.
    is_beyond: bool,
}

/// How the serving of a connection ended.
enum Ending {
    Finished(hyper::Result<()>),
    /// Another connection needs the place.
    GivesWay,
    /// Others need the memory.
    CutOff,
}

impl Service {
    /// Serves one connection from its first request to its end.
    async fn serve(self, stream: TcpStream, peer: SocketAddr, place: Place) {
        let Self { middleware, timeouts, stop, is_beyond } = self;
        // Without Nagle's algorithm: a small response must not wait for the acknowledgement of the one before it.
        let _ = stream.set_nodelay(true);
        #[cfg(target_os = "linux")]
        let _ = SockRef::from(&stream).set_tcp_notsent_lowat(MAX_UNSENT_BYTES);
        let idle_timeout = timeouts.keep_alive + KEEP_ALIVE_MARGIN;
        let timer = HeadTimer::new(idle_timeout, timeouts.request);
        let pace = Arc::new(Pace::default());
        let stream = ClientStream::new(stream, timeouts.request, &timer, pace.clone());
        let stream = place.watch(stream);

        let place = Arc::new(place);
        let keep_alive =
            Arc::new(KeepAlive::new(middleware.clone(), timeouts.keep_alive, idle_timeout, stop.clone()));
        let (responding, answered_place, client) = (keep_alive.clone(), place.clone(), pace.clone());
        let service = service_fn(move |mut request: Request<Incoming>| {
            let answering = answered_place.answers();
            request.extensions_mut().insert(client.clone());
            let response = responding.clone().respond(request, peer).map(|response| {
                Ok::<_, io::Error>(response.map(|body| AnswerBody { body, _answering: answering }))
            });
            Box::pin(response) as Pin<Box<dyn Future<Output = io::Result<http::Response<_>>> + Send>>
        });
        let mut connection = http1::Builder::new()
            .timer(timer.clone())
            // The timer knows both limits, and ignores this one.
            .header_read_timeout(timeouts.request)
            .max_buf_size(MAX_HEAD_BYTES)
            .max_header_size(MAX_HEAD_BYTES)
            .serve_connection(TokioIo::new(stream), service);

        let mut stop_has_begun = pin!(stop.has_begun());
        let mut is_stopping = false;
        let ending = loop {
            tokio::select! {
                biased;
                outcome = &mut connection => break Ending::Finished(outcome),
                () = place.is_chosen() => if place.is_still_idle() {
                    break Ending::GivesWay;
                },
                () = pace.cut() => break Ending::CutOff,
                () = &mut stop_has_begun, if !is_stopping => {
                    is_stopping = true;
                    // A request that has begun to arrive is answered, and its response says that the connection ends.
                    if !timer.head_is_partial() {
                        Pin::new(&mut connection).graceful_shutdown();
                    }
                }
                () = stop.ends.cancelled(), if timer.head_is_partial() => break Ending::Finished(Ok(())),
            }
        };

        let parts = connection.into_parts();
        let watched = parts.io.into_inner();
        let has_discarded = watched.has_discarded();
        let stream = watched.into_inner().into_inner();
        let outcome = match ending {
            Ending::Finished(outcome) => outcome,
            Ending::GivesWay if is_beyond => {
                return TOO_MANY_CONNECTIONS.send_at_once(stream, &middleware.new_id());
            }
            Ending::GivesWay => {
                tracing::debug!(
                    source.address = %peer.ip(),
                    source.port = peer.port(),
                    "closed the connection that was idle longest, for another one"
                );
                return;
            }
            Ending::CutOff => {
                tracing::warn!(
                    source.address = %peer.ip(),
                    source.port = peer.port(),
                    "cut off a client that reads slowly: others need the memory"
                );
                return reset(&stream);
            }
        };
        // The client waits for a response if a part of a request has arrived. Empty lines are no part of one.
        let unread = &parts.read_buf;
        let client_waits =
            is_beyond || keep_alive.body_is_missing() || unread.iter().any(|byte| !b"\r\n".contains(byte));
        let owes_response = client_waits && keep_alive.stays_open();
        let last = match outcome {
            Err(error) if error.is_user() => {
                log_error(peer, &error);
                return reset(&stream);
            }
            Err(error) if has_discarded => Some(unreadable(&error, unread)),
            Err(error) if !error.is_timeout() => {
                log_error(peer, &error);
                None
            }
            _ if !owes_response => None,
            _ if stop.begun.is_cancelled() => Some(SHUTTING_DOWN),
            _ if is_beyond => Some(TOO_MANY_CONNECTIONS),
            _ => Some(TOO_SLOW),
        };
        let id = middleware.new_id();
        if let Some(last) = last {
            tracing::debug!(
                http.request.id = id,
                http.response.status_code = last.status(),
                source.address = %peer.ip(),
                source.port = peer.port(),
                "answered what is no complete request"
            );
        }
        place.lingers();
        tokio::select! {
            () = finish(stream, last, &id) => {}
            () = place.is_chosen() => {}
        }
    }
}

fn log_error(peer: SocketAddr, error: &hyper::Error) {
    tracing::debug!(
        source.address = %peer.ip(),
        source.port = peer.port(),
        error.message = %error,
        "a connection ended with an error"
    );
}

/// Ends a connection in the middle of a response. An orderly close would look like the end of the response to a client of
/// HTTP/1.0.
fn reset(stream: &TcpStream) {
    let _ = stream.set_zero_linger();
}
