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

use crate::time_limit;

/// A time limit that runs.
type Limit = Pin<Box<dyn Future<Output = ()> + Send + Sync>>;

/// A stream that ends with an error if the client does not read. It also notices when a request begins.
pub(super) struct ClientStream {
    tcp: TcpStream,
    write_timeout: Duration,
    /// Runs while a write waits for the client.
    write_limit: Option<Limit>,
    request_has_begun: Arc<AtomicBool>,
}

impl ClientStream {
    pub(super) fn new(tcp: TcpStream, write_timeout: Duration, timer: &HeadTimer) -> Self {
        let request_has_begun = timer.request_has_begun.clone();
        Self { tcp, write_timeout, write_limit: None, request_has_begun }
    }

    pub(super) fn tcp(&self) -> &TcpStream {
        &self.tcp
    }

    /// The outcome of a write, or an error if the client has taken nothing for the whole limit.
    fn limited<T>(&mut self, context: &mut Context<'_>, outcome: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if outcome.is_ready() {
            self.write_limit = None;
            return outcome;
        }
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
        ready!(Pin::new(&mut self.tcp).poll_read(context, buffer))?;
        // Empty lines before a request do not belong to it (RFC 9112, section 2.2).
        if buffer.filled().iter().skip(before).any(|byte| !b"\r\n".contains(byte)) {
            self.request_has_begun.store(true, Ordering::Relaxed);
        }
        Poll::Ready(Ok(()))
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

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(context)
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
    request_has_begun: Arc<AtomicBool>,
}

impl HeadTimer {
    pub(super) fn new(idle_timeout: Duration, head_timeout: Duration) -> Self {
        Self { idle_timeout, head_timeout, request_has_begun: Arc::default() }
    }

    /// Whether a byte of a request has arrived since the timer was started.
    pub(super) fn request_has_begun(&self) -> bool {
        self.request_has_begun.load(Ordering::Relaxed)
    }
}

impl Timer for HeadTimer {
    fn sleep(&self, _: Duration) -> Pin<Box<dyn Sleep>> {
        self.request_has_begun.store(false, Ordering::Relaxed);
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
        if !self.is_for_head && self.timer.request_has_begun() {
            self.limit = Box::pin(time_limit::passed(self.timer.head_timeout));
            self.is_for_head = true;
        }
        self.limit.as_mut().poll(context)
    }
}

impl Sleep for HeadLimit {}
