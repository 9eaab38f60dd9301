//! Sockets of connections that are being opened.
//!
//! Until the login is complete nobody knows the process id of the backend, so it cannot be told to end. A backend that hangs
//! in the login can live on for as long as Postgres gives a login.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::pipeline::Pipeline;

/// How long Postgres gives a login: the default of `authentication_timeout` (PostgreSQL manual, "Connections and
/// Authentication").
const LOGIN_TIMEOUT: Duration = Duration::from_secs(60);

/// A socket. If it is dropped before its connection is open, the connection keeps its slot until the server has closed its
/// side.
pub(super) struct OpeningSocket<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> {
    /// None once it is dropped.
    socket: Option<S>,
    pipeline: Pipeline,
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> OpeningSocket<S> {
    pub(super) fn new(socket: S, pipeline: Pipeline) -> Self {
        Self { socket: Some(socket), pipeline }
    }

    fn socket(&mut self) -> io::Result<Pin<&mut S>> {
        self.socket.as_mut().map(Pin::new).ok_or(io::ErrorKind::NotConnected.into())
    }
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> Drop for OpeningSocket<S> {
    fn drop(&mut self) {
        let (Some(slot), Some(mut socket)) = (self.pipeline.opening_slot(), self.socket.take()) else {
            return;
        };
        // Outside of the runtime the program ends, and every connection with it.
        let Ok(runtime) = Handle::try_current() else { return };
        runtime.spawn(async move {
            let _slot = slot;
            let closed = async {
                let _ = socket.shutdown().await;
                while matches!(socket.read(&mut [0; 1024]).await, Ok(1..)) {}
            };
            let _ = timeout(LOGIN_TIMEOUT, closed).await;
        });
    }
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> AsyncRead for OpeningSocket<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.socket()?.poll_read(cx, into)
    }
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> AsyncWrite for OpeningSocket<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.socket()?.poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket()?.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket()?.poll_shutdown(cx)
    }
}
