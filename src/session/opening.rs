//! Sockets of connections that are being opened.
//!
//! Until the login is complete nobody knows the process id of the backend, so it cannot be told to end. A backend that hangs
//! in the login can live on for as long as Postgres gives a login.

use std::future::pending;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::runtime::Handle;
use tokio::sync::{Mutex, OwnedSemaphorePermit};
use tokio::time::{Instant, sleep, timeout};

use super::pipeline::Pipeline;
use super::transport;
use crate::database::{Address, Endpoint};

/// How long Postgres gives a login: the default of `authentication_timeout` (PostgreSQL manual, "Connections and
/// Authentication").
const LOGIN_TIMEOUT: Duration = Duration::from_secs(60);

/// How long a server may take to answer at all.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);

/// A server is asked first after this time, and again after the other. A connection is usually open before that.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const PAUSE: Duration = Duration::from_millis(500);

/// The place of a connection among those that may be open at the same time.
#[derive(Debug)]
pub(super) struct Slot {
    _permit: OwnedSemaphorePermit,
    server: Arc<Server>,
    /// Whether the server did not answer at all while the connection was being opened. Then there is hardly a backend.
    was_silent: AtomicBool,
    /// How often something was received.
    received: AtomicUsize,
}

impl Slot {
    pub(super) fn new(permit: OwnedSemaphorePermit, server: Arc<Server>) -> Arc<Self> {
        Arc::new(Self {
            _permit: permit,
            server,
            was_silent: AtomicBool::default(),
            received: AtomicUsize::default(),
        })
    }

    /// Resolves when the server answers again after it was silent, and not this connection: what it sent is lost.
    pub(super) async fn answers_again(&self) {
        sleep(FIRST_PAUSE).await;
        loop {
            let received = self.received.load(Relaxed);
            if !self.server.answers().await {
                self.was_silent.store(true, Relaxed);
            } else if self.was_silent.load(Relaxed) {
                sleep(ANSWER_TIMEOUT).await;
                if self.received.load(Relaxed) == received {
                    return;
                }
                self.was_silent.store(false, Relaxed);
            }
            sleep(PAUSE).await;
        }
    }
}

/// Whether a server answers, as it was seen last.
#[derive(Debug)]
pub(super) struct Server {
    address: Address,
    seen: Mutex<Option<(Instant, bool)>>,
}

impl Server {
    pub(super) fn new(address: Address) -> Self {
        Self { address, seen: Mutex::default() }
    }

    /// Whether a server answers at this address, before any login. All who ask at the same time share the answer.
    async fn answers(&self) -> bool {
        let mut seen = self.seen.lock().await;
        if let Some((when, answers)) = *seen
            && when.elapsed() < PAUSE / 2
        {
            return answers;
        }
        let answers = timeout(ANSWER_TIMEOUT, transport::is_answered(&self.address)).await.unwrap_or(false);
        *seen = Some((Instant::now(), answers));
        answers
    }
}

/// A socket. If it is dropped before its connection is open, the connection keeps its slot until its backend must have ended.
pub(super) struct OpeningSocket<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> {
    /// None once it is dropped.
    socket: Option<S>,
    has_answered: bool,
    pipeline: Pipeline,
    /// Its host, if the address has others that can be used instead.
    one_of_several: Option<Endpoint>,
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> OpeningSocket<S> {
    pub(super) fn new(socket: S, pipeline: Pipeline, one_of_several: Option<Endpoint>) -> Self {
        Self { socket: Some(socket), has_answered: false, pipeline, one_of_several }
    }

    fn socket(&mut self) -> io::Result<Pin<&mut S>> {
        self.socket.as_mut().map(Pin::new).ok_or(io::ErrorKind::NotConnected.into())
    }
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> Drop for OpeningSocket<S> {
    fn drop(&mut self) {
        let (Some(slot), Some(socket)) = (self.pipeline.opening_slot(), self.socket.take()) else { return };
        // Outside of the runtime the program ends, and every connection with it.
        if let Ok(runtime) = Handle::try_current() {
            let (has_answered, one_of_several) = (self.has_answered, self.one_of_several.take());
            runtime.spawn(async move {
                if let Some(endpoint) = one_of_several
                    && !has_answered
                    && !matches!(timeout(ANSWER_TIMEOUT, transport::ask(&endpoint)).await, Ok(Ok(())))
                    && slot.server.answers().await
                {
                    return; // this host is silent, and another one is not
                }
                until_ended(socket, has_answered, &slot).await;
            });
        }
    }
}

/// Waits until the backend of a socket must have ended: until the server closes its side, or gives up the login. If it was
/// silent, until it answers again.
async fn until_ended(mut socket: impl AsyncRead + AsyncWrite + Unpin, has_answered: bool, slot: &Slot) {
    let closed = async {
        // A proxy between could close both sides now, and the backend would go on with its login.
        if !has_answered {
            let _ = socket.read(&mut [0; 1024]).await;
        }
        let _ = socket.shutdown().await;
        while matches!(socket.read(&mut [0; 1024]).await, Ok(1..)) {}
    };
    let answers_again = async {
        if !slot.was_silent.load(Relaxed) {
            return pending().await;
        }
        slot.answers_again().await;
    };
    let ended = async {
        tokio::select! {
            () = closed => {}
            () = answers_again => {}
        }
    };
    let _ = timeout(LOGIN_TIMEOUT, ended).await;
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> AsyncRead for OpeningSocket<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        let read = self.socket()?.poll_read(cx, into);
        if into.filled().len() > before {
            self.has_answered = true;
            if let Some(slot) = self.pipeline.opening_slot() {
                slot.received.fetch_add(1, Relaxed);
            }
        }
        read
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
