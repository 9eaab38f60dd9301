//! One connection, from its first request to its end.

use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;

use ::metrics::Gauge;
use futures_util::FutureExt;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
#[cfg(target_os = "linux")]
use socket2::SockRef;
use tokio::net::TcpStream;

#[cfg(target_os = "linux")]
use super::MAX_UNSENT_BYTES;
use super::{KEEP_ALIVE_MARGIN, MAX_HEAD_BYTES};
use crate::http::Timeouts;
use crate::http::client_stream::{ClientStream, HeadTimer};
use crate::http::connections::{AnswerBody, Place};
use crate::http::keep_alive::{KeepAlive, Stop};
use crate::http::last_response::{SHUTTING_DOWN, TOO_MANY_CONNECTIONS, TOO_SLOW, finish, unreadable};
use crate::http::middleware::Middleware;
use crate::http::pace::Pace;
use crate::http::slow_requests::Unwritten;

/// How the connections within the limit are served, or those beyond it.
#[derive(Clone)]
pub(in crate::http) struct Service {
    pub(in crate::http) middleware: Arc<Middleware>,
    pub(in crate::http) timeouts: Timeouts,
    pub(in crate::http) stop: Stop,
    /// Whether the connections are beyond the limit, so that each gets one answer.
    pub(in crate::http) is_beyond: bool,
    /// The number of these connections.
    pub(in crate::http) open: Gauge,
}

/// Counts a connection as open.
struct Open(Gauge);

impl Open {
    fn new(open: Gauge) -> Self {
        open.increment(1.0);
        Self(open)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
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
    pub(in crate::http) async fn serve(self, stream: TcpStream, peer: SocketAddr, place: Place) {
        let Self { middleware, timeouts, stop, is_beyond, open } = self;
        let _open = Open::new(open);
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
            let mut answering = answered_place.answers();
            request.extensions_mut().insert(client.clone());
            let response = responding.clone().respond(request, peer).map(|mut response| {
                answering.unwritten = response.extensions_mut().remove::<Unwritten>();
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
            middleware.count_incomplete(last.status());
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
