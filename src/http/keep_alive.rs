//! Whether a connection stays open after a response, and what happens to a body that the response did not need.
//!
//! hyper closes the connection if a body was not read to its end, and does not say so: the client's next request gets no
//! answer. So what is left of a small body is read and discarded.
//!
//! A server that stops closes every connection. From the announcement on, each response says so.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use headers::{Connection, HeaderMapExt};
use http::header::{CONNECTION, EXPECT, HeaderName, HeaderValue};
use http::{Request, StatusCode, Version};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::body::MAX_BODY_BYTES;
use super::middleware::Middleware;
use super::response::Response;
use crate::time_limit::{self, within};

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");

/// Responds to the requests of one connection, and decides whether it stays open.
pub(super) struct KeepAlive {
    middleware: Arc<Middleware>,
    stop: Stop,
    /// How long the connection may be idle, as its client is told.
    header: HeaderValue,
    /// How long it may be idle. A body that is discarded has as long, because the client was told nothing else.
    idle_timeout: Duration,
    /// Whether the client believes that the connection goes on.
    stays_open: AtomicBool,
    /// Whether a body that should be discarded did not come.
    body_is_missing: AtomicBool,
}

/// The steps of a stop. Each token is cancelled when its step begins.
#[derive(Clone)]
pub(super) struct Stop {
    /// Clients should go elsewhere. Their requests are still served.
    pub(super) announced: CancellationToken,
    /// The server closes its connections, and requests in progress are finished.
    pub(super) begun: CancellationToken,
    /// The time for that is over.
    pub(super) ends: CancellationToken,
}

impl Stop {
    /// The steps of a stop for connections that end with their first answer.
    pub(super) fn of_one_answer(&self) -> Self {
        let announced = CancellationToken::new();
        announced.cancel();
        Self { announced, ..self.clone() }
    }

    /// Resolves after the beginning of the stop, as soon as what had arrived by then was read.
    pub(super) async fn has_begun(&self) {
        self.begun.cancelled().await;
        time_limit::passed(Duration::ZERO).await;
    }
}

impl KeepAlive {
    /// `told` is how long the connection may be idle as its client knows, and `idle_timeout` how long it really may.
    pub(super) fn new(
        middleware: Arc<Middleware>,
        told: Duration,
        idle_timeout: Duration,
        stop: Stop,
    ) -> Self {
        let header =
            HeaderValue::try_from(format!("timeout={}", told.as_secs())).expect("a number is a header value");
        let (stays_open, body_is_missing) = (AtomicBool::new(true), AtomicBool::new(false));
        Self { middleware, stop, header, idle_timeout, stays_open, body_is_missing }
    }

    /// Whether the client believes that the connection goes on: no response has said that it ends.
    pub(super) fn stays_open(&self) -> bool {
        self.stays_open.load(Ordering::Relaxed)
    }

    /// Whether the connection ends because a body did not come that was to be discarded.
    pub(super) fn body_is_missing(&self) -> bool {
        self.body_is_missing.load(Ordering::Relaxed)
    }

    /// Responds to a request. The response says whether the connection stays open.
    ///
    /// Not an async function: if the client has left by now, hyper drops the future before it runs, and the request must have
    /// its line in the log.
    pub(super) fn respond(
        self: Arc<Self>,
        request: Request<Incoming>,
        peer: SocketAddr,
    ) -> impl Future<Output = Response> + Send {
        let version = request.version();
        let client_stays = wants_to_stay(&request);
        let expects_continue = request.headers().contains_key(EXPECT);
        let (request, rest) = lend_body(request);

        let exchange = self.middleware.respond(request, peer);
        async move {
            let mut response = exchange.await;

            let rest = rest.and_then(|mut rest| rest.try_recv().ok());
            // A client that expects 100 may leave the body out when it gets another status. A client that was too slow for its
            // body has had its time.
            let can_be_discarded = |rest: &Rest| {
                !expects_continue && response.status() != StatusCode::REQUEST_TIMEOUT && is_small(rest)
            };
            // Before HTTP/1.1 only the end of the connection ends a body of unknown length.
            let has_end = version > Version::HTTP_10 || response.body().size_hint().exact().is_some();
            let stays_open = client_stays
                && has_end
                && !self.stop.announced.is_cancelled()
                && rest.as_ref().is_none_or(can_be_discarded);

            self.stays_open.store(stays_open, Ordering::Relaxed);
            if stays_open {
                if let Some(Rest::Unread(body)) = rest {
                    tokio::spawn(self.clone().discard(body));
                }
                response.headers_mut().insert(KEEP_ALIVE, self.header.clone());
            } else {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                // hyper adds `keep-alive` to a response of HTTP/1.1 to a client of HTTP/1.0.
                *response.version_mut() = version;
            }
            response
        }
    }

    /// Reads a body to its end. hyper reads the next request after that.
    async fn discard(self: Arc<Self>, mut body: Incoming) {
        let read = async {
            while let Some(Ok(_)) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {}
        };
        let is_read = tokio::select! {
            biased;
            read = within(self.idle_timeout, read) => read.is_some(),
            () = self.stop.has_begun() => false,
        };
        if !is_read {
            // hyper ends the connection when the body is dropped.
            self.body_is_missing.store(true, Ordering::Relaxed);
        }
    }
}

/// Whether the client wants to send another request on this connection (RFC 9112, section 9.3).
fn wants_to_stay<B>(request: &Request<B>) -> bool {
    let says =
        |option| request.headers().typed_get::<Connection>().is_some_and(|options| options.contains(option));
    !says("close") && (request.version() > Version::HTTP_10 || says("keep-alive"))
}

/// Whether the rest of a body has a length, and one that is not above the limit for bodies. A chunked body can go on for
/// ever.
fn is_small(rest: &Rest) -> bool {
    match rest {
        Rest::Unread(body) => body.size_hint().exact().is_some_and(|length| length <= MAX_BODY_BYTES as u64),
        Rest::Broken => false,
    }
}

/// What is left of a body when the response is known. Nothing is left of a body that was read to its end.
enum Rest {
    Unread(Incoming),
    /// The rest cannot be read: it is not well-formed, or the client has closed its side.
    Broken,
}

/// Replaces the body by one whose rest comes back through the channel. A request without a body needs no channel.
fn lend_body(request: Request<Incoming>) -> (Request<RequestBody>, Option<oneshot::Receiver<Rest>>) {
    if request.body().is_end_stream() {
        return (request.map(|_| RequestBody { unread: None }), None);
    }
    let (owner, rest) = oneshot::channel();
    (request.map(|body| RequestBody { unread: Some((body, owner)) }), Some(rest))
}

/// The body of a request. Its owner gets the rest back.
pub(super) struct RequestBody {
    unread: Option<(Incoming, oneshot::Sender<Rest>)>,
}

impl RequestBody {
    /// Gives the rest back, unless there is none.
    fn return_rest(&mut self, is_broken: bool) {
        match self.unread.take() {
            Some((_, owner)) if is_broken => drop(owner.send(Rest::Broken)),
            Some((body, owner)) if !body.is_end_stream() => drop(owner.send(Rest::Unread(body))),
            _ => {}
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<hyper::Result<Frame<Bytes>>>> {
        let Some((body, _)) = &mut self.unread else { return Poll::Ready(None) };
        let frame = ready!(Pin::new(body).poll_frame(context));
        match frame {
            Some(Ok(_)) => {}
            Some(Err(_)) => self.return_rest(true),
            None => self.unread = None,
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.unread.as_ref().is_none_or(|(body, _)| body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.unread.as_ref().map_or(SizeHint::with_exact(0), |(body, _)| body.size_hint())
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        self.return_rest(false);
    }
}
