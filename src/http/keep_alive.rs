//! Whether a connection stays open after a response, and what happens to a body that the response did not need.
//!
//! hyper closes the connection if a body was not read to its end, and does not say so: the client's next request gets no
//! answer.

use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use headers::{Connection, HeaderMapExt};
use http::header::{CONNECTION, EXPECT, HeaderName, HeaderValue};
use http::{Request, StatusCode, Version};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::Timeouts;
use super::body::MAX_BODY_BYTES;
use super::middleware::Middleware;
use super::response::Response;
use crate::time_limit;

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");

/// What one connection needs to respond to its requests.
pub(super) struct KeepAlive {
    pub(super) timeouts: Timeouts,
    /// Cancelled when the server closes its connections.
    pub(super) stopping: CancellationToken,
}

impl KeepAlive {
    /// Responds to a request. The response says whether the connection stays open.
    pub(super) async fn respond(
        &self,
        request: Request<Incoming>,
        peer: SocketAddr,
        middleware: &Middleware,
    ) -> Response {
        let version = request.version();
        let client_stays = wants_to_stay(&request);
        let expects_continue = request.headers().contains_key(EXPECT);
        let (request, rest) = lend_body(request);

        let mut response = middleware.respond(request, peer).await;

        let rest = rest.and_then(|mut rest| rest.try_recv().ok()).filter(|rest| !rest.is_end_stream());
        // A client that expects 100 may leave the body out when it gets another status. A client that was too slow for its
        // body has had its time.
        let is_worth_reading = |rest: &Incoming| {
            !expects_continue && response.status() != StatusCode::REQUEST_TIMEOUT && is_small(rest)
        };
        // Before HTTP/1.1 only the end of the connection ends a body of unknown length.
        let has_end = version > Version::HTTP_10 || response.body().size_hint().exact().is_some();
        let stays_open = client_stays
            && has_end
            && !self.stopping.is_cancelled()
            && rest.as_ref().is_none_or(is_worth_reading);

        if stays_open {
            if let Some(rest) = rest {
                tokio::spawn(time_limit::within(self.timeouts.request, discard(rest)));
            }
            if let Ok(timeout) =
                HeaderValue::try_from(format!("timeout={}", self.timeouts.keep_alive.as_secs()))
            {
                response.headers_mut().insert(KEEP_ALIVE, timeout);
            }
        } else {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            // hyper adds `keep-alive` to a response of HTTP/1.1 to a client of HTTP/1.0.
            *response.version_mut() = version;
        }
        response
    }
}

/// Whether the client wants to send another request on this connection (RFC 9112, section 9.3).
fn wants_to_stay<B>(request: &Request<B>) -> bool {
    let says =
        |option| request.headers().typed_get::<Connection>().is_some_and(|options| options.contains(option));
    !says("close") && (request.version() > Version::HTTP_10 || says("keep-alive"))
}

/// Whether the length of a body is known and not above the limit for bodies. A chunked body can go on for ever.
fn is_small(body: &Incoming) -> bool {
    body.size_hint().exact().is_some_and(|length| length <= MAX_BODY_BYTES as u64)
}

/// Reads a body to its end. hyper reads the next request after that.
async fn discard(mut body: Incoming) {
    while let Some(Ok(_)) = std::future::poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {}
}

/// Replaces the body by one that comes back through the channel when it is dropped before its end. A request without a
/// body needs no channel.
fn lend_body(request: Request<Incoming>) -> (Request<RequestBody>, Option<oneshot::Receiver<Incoming>>) {
    if request.body().is_end_stream() {
        return (request.map(|_| RequestBody { unread: None }), None);
    }
    let (owner, rest) = oneshot::channel();
    (request.map(|body| RequestBody { unread: Some((body, owner)) }), Some(rest))
}

/// The body of a request. What was not read of it goes back to its owner.
pub(super) struct RequestBody {
    unread: Option<(Incoming, oneshot::Sender<Incoming>)>,
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
        if !matches!(frame, Some(Ok(_))) {
            self.unread = None;
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
        if let Some((body, owner)) = self.unread.take() {
            let _ = owner.send(body);
        }
    }
}
