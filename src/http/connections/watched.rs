//! The stream and the responses of a connection, which tell whether it is busy.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};

use hyper::body::{Body, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{Connections, Slot};
use crate::http::slow_requests::Unwritten;

/// A mark that a response is not complete.
pub(in crate::http) struct Answering {
    pub(super) slot: Arc<Slot>,
    /// Kept until the response has been written.
    pub(in crate::http) unwritten: Option<Unwritten>,
}

impl Drop for Answering {
    fn drop(&mut self) {
        if let Some(unwritten) = self.unwritten.take() {
            *self.slot.unwritten() = Some(unwritten);
        }
        self.slot.answered.store(true, Ordering::Relaxed);
    }
}

/// The body of a response, which ends when hyper has taken all of it.
pub(in crate::http) struct AnswerBody<B> {
    pub(in crate::http) body: B,
    pub(in crate::http) _answering: Answering,
}

impl<B: Body + Unpin> Body for AnswerBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The stream of a connection. The connection is busy from the first byte of a request until its response was handed to the
/// system.
///
/// hyper answers a head that it cannot read with a status and no body. That answer is discarded, and the server writes one
/// with a body.
pub(in crate::http) struct Watched<S> {
    stream: S,
    slot: Arc<Slot>,
    connections: Arc<Connections>,
    has_discarded: bool,
}

impl<S> Watched<S> {
    pub(super) fn new(stream: S, slot: Arc<Slot>, connections: Arc<Connections>) -> Self {
        Self { stream, slot, connections, has_discarded: false }
    }

    /// Whether hyper has written an answer of its own, which the client did not get.
    pub(in crate::http) fn has_discarded(&self) -> bool {
        self.has_discarded
    }

    /// Whether hyper writes an answer of its own. If the client has not read the answer before it, that cannot be told, and
    /// the client gets both.
    fn discards(&mut self) -> bool {
        self.has_discarded |= !self.slot.is_due.load(Ordering::Relaxed);
        self.has_discarded
    }

    pub(in crate::http) fn into_inner(self) -> S {
        self.stream
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        if polled.is_pending() {
            self.slot.waits(self.connections.now());
        } else if buffer.filled().len() > before && !self.connections.unfinished_heads_are_idle {
            self.slot.becomes_busy();
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.discards() {
            return Poll::Ready(Ok(bytes.len()));
        }
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    /// hyper flushes when it has written all that it has.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_flush(context))?;
        if self.slot.answered.swap(false, Ordering::Relaxed) {
            self.slot.written.store(true, Ordering::Relaxed);
            self.slot.is_due.store(false, Ordering::Relaxed);
            self.slot.unwritten().take();
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.discards() {
            return Poll::Ready(Ok(slices.iter().map(|slice| slice.len()).sum()));
        }
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
