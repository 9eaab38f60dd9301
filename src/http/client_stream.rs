//! The connection to a client as a stream of bytes, and its time limits.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use hyper::rt::{Sleep, Timer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::pace::Pace;
use crate::time_limit;

/// A time limit that runs.
type Limit = Pin<Box<dyn Future<Output = ()> + Send + Sync>>;

/// A stream that ends with an error if the client does not read. It also notices when a request begins.
pub(super) struct ClientStream {
    tcp: TcpStream,
    write_timeout: Duration,
    /// Runs while a write waits for the client.
    write_limit: Option<Limit>,
    pace: Arc<Pace>,
    head: Arc<Head>,
}

/// What has arrived of the head that hyper reads.
#[derive(Default)]
struct Head {
    /// Whether hyper waits for a head, or for the rest of one.
    is_awaited: AtomicBool,
    /// Whether a byte of it has arrived. Means nothing while no head is awaited.
    has_begun: AtomicBool,
    /// Whether the last read took bytes that may belong to the next head, together with the end of a request.
    ///
    /// hyper reads again only if it has parsed all that it holds. So it holds nothing if the last read found nothing.
    may_be_held: AtomicBool,
}

impl ClientStream {
    pub(super) fn new(tcp: TcpStream, write_timeout: Duration, timer: &HeadTimer, pace: Arc<Pace>) -> Self {
        Self { tcp, write_timeout, write_limit: None, pace, head: timer.head.clone() }
    }

    pub(super) fn into_inner(self) -> TcpStream {
        self.tcp
    }

    /// The outcome of a write, or an error if the client has taken nothing for the whole limit.
    fn limited(
        &mut self,
        context: &mut Context<'_>,
        outcome: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if let Poll::Ready(outcome) = outcome {
            self.write_limit = None;
            self.pace.took(*outcome.as_ref().unwrap_or(&0));
            return Poll::Ready(outcome);
        }
        self.pace.waits();
        let timeout = self.write_timeout;
        let limit = self.write_limit.get_or_insert_with(|| Box::pin(time_limit::passed(timeout)));
        ready!(limit.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for ClientStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.tcp).poll_read(context, buffer)?;
        let read = buffer.filled().get(before..).unwrap_or_default();
        // Empty lines before a request do not belong to it (RFC 9112, section 2.2).
        let begins = read.iter().any(|byte| !b"\r\n".contains(byte));
        if begins {
            self.head.has_begun.store(true, Ordering::Relaxed);
        }
        // A part of a head never ends with an empty line.
        let ends_with_empty_line = read.ends_with(b"\n\r\n") || read.ends_with(b"\n\n");
        self.head.may_be_held.store(begins && !ends_with_empty_line, Ordering::Relaxed);
        polled.map(Ok)
    }
}

impl AsyncWrite for ClientStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.tcp).poll_write(context, bytes);
        self.limited(context, outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.tcp).poll_write_vectored(context, bytes);
        self.limited(context, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(context)
    }

    /// Leaves the sending side open: hyper calls this after its last response, and the server may add one.
    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(context)
    }
}

/// Limits the wait for the next request, and from the first byte on the wait for the rest of its head.
///
/// hyper has one limit for both. It starts this timer when it begins to wait for a head, and stops it when the head is
/// complete.
#[derive(Clone)]
pub(super) struct HeadTimer {
    idle_timeout: Duration,
    head_timeout: Duration,
    head: Arc<Head>,
}

impl HeadTimer {
    pub(super) fn new(idle_timeout: Duration, head_timeout: Duration) -> Self {
        Self { idle_timeout, head_timeout, head: Arc::default() }
    }

    /// Whether a part of a head has arrived, and the rest has not.
    pub(super) fn head_is_partial(&self) -> bool {
        self.head.is_awaited.load(Ordering::Relaxed) && self.head.has_begun.load(Ordering::Relaxed)
    }
}

impl Timer for HeadTimer {
    fn sleep(&self, _: Duration) -> Pin<Box<dyn Sleep>> {
        self.head.is_awaited.store(true, Ordering::Relaxed);
        self.head.has_begun.store(self.head.may_be_held.load(Ordering::Relaxed), Ordering::Relaxed);
        let limit = Box::pin(time_limit::passed(self.idle_timeout));
        Box::pin(HeadLimit { timer: self.clone(), limit, is_for_head: false })
    }

    fn sleep_until(&self, _: Instant) -> Pin<Box<dyn Sleep>> {
        self.sleep(self.idle_timeout)
    }
}

struct HeadLimit {
    timer: HeadTimer,
    limit: Limit,
    is_for_head: bool,
}

impl Future for HeadLimit {
    type Output = ();

    /// hyper calls this after each attempt to read.
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if !self.is_for_head && self.timer.head_is_partial() {
            self.limit = Box::pin(time_limit::passed(self.timer.head_timeout));
            self.is_for_head = true;
        }
        self.limit.as_mut().poll(context)
    }
}

/// hyper drops the limit when the head is complete.
impl Drop for HeadLimit {
    fn drop(&mut self) {
        self.timer.head.is_awaited.store(false, Ordering::Relaxed);
    }
}

impl Sleep for HeadLimit {}
