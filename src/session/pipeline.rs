//! Sends the statements of a transaction as one pipeline with fewer Sync messages, and gives prepared statements names
//! that no other process has.
//!
//! The driver sends a Sync after each statement. At a Sync, Postgres writes out its answer and reports that it is ready.
//! Within a transaction this costs too much: four answers instead of one take a fifth of the time that Postgres needs
//! for a list. This stream lies below the driver and drops the Syncs that it is told to drop. In their place it gives the
//! driver the ReadyForQuery messages that the driver waits for (PostgreSQL manual, chapter "Frontend/Backend Protocol",
//! sections "Extended Query" and "Pipelining"):
//!
//! - After a statement that completed, it adds a ReadyForQuery at once.
//! - When a statement fails, Postgres skips every message before the next Sync. So nothing runs after a `BEGIN` or an
//!   identity that failed. This stream answers each skipped statement with an error: no skipped statement is ever
//!   reported as done.
//!
//! The driver takes a ReadyForQuery for the end of a statement, whether the statement completed or not. So this stream adds an
//! error where a broken server sends one too early: a COMMIT that did not complete is never reported as done.

#[cfg(any(test, fuzzing))]
#[allow(clippy::panic, reason = "a target fails by a panic")]
pub(super) mod fuzz;

use std::collections::VecDeque;
use std::io;
use std::pin::{Pin, pin};
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::{Buf, BufMut, BytesMut};
use futures_util::task::AtomicWaker;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::opening::Slot;

/// How many bytes are read at a time.
const READ_SIZE: usize = 8 * 1024;

/// How long a stream that the driver has closed waits for the end of the backend, which takes milliseconds.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// The size of a message's type and length, in bytes.
const HEADER: usize = 5;

// Message types of the driver.
const PARSE: u8 = b'P';
const BIND: u8 = b'B';
const DESCRIBE: u8 = b'D';
const CLOSE: u8 = b'C';
const EXECUTE: u8 = b'E';
const SYNC: u8 = b'S';
const SIMPLE_QUERY: u8 = b'Q';

// Message types of Postgres.
const BACKEND_KEY_DATA: u8 = b'K';
const READY_FOR_QUERY: u8 = b'Z';
const COMMAND_COMPLETE: u8 = b'C';
const EMPTY_QUERY_RESPONSE: u8 = b'I';
const ERROR_RESPONSE: u8 = b'E';

/// ReadyForQuery, inside a transaction.
static READY_IN_TRANSACTION: LazyLock<Vec<u8>> = LazyLock::new(|| message(READY_FOR_QUERY, b"T"));

/// ErrorResponse with in_failed_sql_transaction, for a statement that Postgres skipped.
static SKIPPED: LazyLock<Vec<u8>> = LazyLock::new(|| {
    message(ERROR_RESPONSE, b"SERROR\0VERROR\0C25P02\0Mskipped: a statement before it failed\0\0")
});

/// ErrorResponse with protocol_violation, for a statement that Postgres neither completed nor refused.
static NOT_COMPLETED: LazyLock<Vec<u8>> = LazyLock::new(|| {
    message(
        ERROR_RESPONSE,
        b"SERROR\0VERROR\0C08P01\0Mthe server is ready, and the statement is not completed\0\0",
    )
});

/// A message of the protocol: its type, its length without the type, its content.
fn message(kind: u8, content: &[u8]) -> Vec<u8> {
    let length = 4 + content.len() as u32;
    [&[kind], &length.to_be_bytes()[..], content].concat()
}

/// The beginning of the names of prepared statements. It is random, so that no other process has the same names.
///
/// The driver numbers its statements in each process: `s0`, `s1` and so on. Behind a connection pooler a connection to
/// Postgres serves several processes. With the driver's names, one process could run the statement of another.
static STATEMENT_PREFIX: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut random = [0; 16];
    if aws_lc_rs::rand::fill(&mut random).is_err() {
        // A machine without randomness: the time and the process id differ as well.
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        random = (now ^ u128::from(std::process::id()) << 64).to_be_bytes();
    }
    format!("rowkeep_{:032x}_", u128::from_be_bytes(random)).into_bytes()
});

/// One connection, as the session and the stream below the driver share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Pipeline(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// How many of the next Syncs are dropped.
    omitted_syncs: AtomicUsize,
    /// How many answers are due, and how many bytes are not read or not written.
    unfinished: AtomicUsize,
    /// The process id of the message BackendKeyData; 0 before it.
    process_id: AtomicU32,
    /// The place of this connection among those that may be open at the same time.
    slot: Mutex<Option<Arc<Slot>>>,
    /// Whether the login is complete, and the backend known.
    is_open: AtomicBool,
    aborted: AtomicBool,
    reader: AtomicWaker,
    /// The streams that have not ended. There are several if the address names several hosts.
    streams: TaskTracker,
}

impl Pipeline {
    /// One connection that has a slot until its backend has ended.
    pub(super) fn with_slot(slot: Arc<Slot>) -> Self {
        let pipeline = Self::default();
        *pipeline.slot() = Some(slot);
        pipeline
    }

    /// Reports that the login is complete, and the backend known.
    pub(super) fn opened(&self) {
        self.0.is_open.store(true, Release);
    }

    /// The slot of a connection that is not open yet. An address with several hosts can open several sockets for it.
    pub(super) fn opening_slot(&self) -> Option<Arc<Slot>> {
        if self.0.is_open.load(Acquire) { None } else { self.slot().clone() }
    }

    /// Drops the Syncs of the next `statements` that the driver gets. The driver must be idle. At least one more statement
    /// must follow, or Postgres does not answer.
    pub(super) fn omit_syncs(&self, statements: usize) {
        self.0.omitted_syncs.store(statements, Relaxed);
    }

    /// Reports that the driver did not send one of these statements, so that one Sync less is dropped.
    pub(super) fn statement_not_sent(&self) {
        self.take_one();
    }

    /// Whether the next Sync is to be dropped.
    fn take_one(&self) -> bool {
        self.0.omitted_syncs.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_ok()
    }

    /// Whether no answer is due, and no byte is unread or unwritten. Holds between two transactions.
    pub(super) fn is_at_rest(&self) -> bool {
        self.0.unfinished.load(Acquire) == 0 && self.0.omitted_syncs.load(Relaxed) == 0
    }

    /// The process id that the server gave at the start. A connection pooler gives another one than Postgres.
    pub(super) fn process_id(&self) -> u32 {
        self.0.process_id.load(Relaxed)
    }

    /// Resolves when the stream has ended.
    pub(super) async fn ended(&self) {
        self.0.streams.close();
        self.0.streams.wait().await;
    }

    /// Ends the stream, if it has not ended. Returns the slot of an open connection whose backend was not seen to end.
    pub(super) fn abort(&self) -> Option<Arc<Slot>> {
        let slot = if self.0.is_open.load(Acquire) { self.slot().take() } else { None };
        self.0.aborted.store(true, Release);
        self.0.reader.wake();
        slot
    }

    fn slot(&self) -> MutexGuard<'_, Option<Arc<Slot>>> {
        self.0.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who sends the ReadyForQuery after a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ReadyFrom {
    /// Postgres got the Sync.
    Postgres,
    /// The Sync was dropped.
    Stream,
}

/// A statement that waits for its ReadyForQuery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Awaited {
    ready_from: ReadyFrom,
    /// Whether it is executed, and not only prepared: then it must complete, or fail.
    is_executed: bool,
}

/// The stream below the driver, from its first message on.
pub(super) struct PipelineStream<S> {
    stream: S,
    _token: TaskTrackerToken,
    pipeline: Pipeline,
    /// Whether the startup message was written. It is the only message without a type.
    started: bool,
    /// One entry for each statement that waits for its ReadyForQuery, in order.
    awaited: VecDeque<Awaited>,
    /// Whether the messages since the last Sync execute something.
    is_executed: bool,
    /// Whether the first statement of `awaited` has completed or failed.
    is_answered: bool,
    /// Bytes from the driver that the stream below has not accepted yet.
    outgoing: BytesMut,
    /// Bytes from Postgres that were not parsed yet.
    unparsed: BytesMut,
    /// The type of the message that `unparsed` continues, and how many of its bytes are missing; 0 between messages.
    current: (u8, usize),
    /// Bytes that the driver has not read yet.
    incoming: BytesMut,
    /// How long the stream still waits for the end of the backend, after the driver has closed it.
    closing: Option<Pin<Box<Sleep>>>,
    /// Whether Postgres has closed its side, so that the backend has ended.
    is_closed_by_server: bool,
}

impl<S> PipelineStream<S> {
    pub(super) fn new(stream: S, pipeline: Pipeline) -> Self {
        Self {
            stream,
            _token: pipeline.0.streams.token(),
            pipeline,
            started: false,
            awaited: VecDeque::new(),
            is_executed: false,
            is_answered: false,
            outgoing: BytesMut::new(),
            unparsed: BytesMut::new(),
            current: (0, 0),
            incoming: BytesMut::new(),
            closing: None,
            is_closed_by_server: false,
        }
    }

    /// Tells the session what is not finished.
    fn publish(&self) {
        let bytes = self.outgoing.len() + self.unparsed.len() + self.incoming.len() + self.current.1;
        self.pipeline.0.unfinished.store(self.awaited.len() + bytes, Release);
    }

    /// The stream below.
    pub(super) fn get_ref(&self) -> &S {
        &self.stream
    }

    /// Accepts the bytes that the driver writes, without the dropped Syncs. The driver writes whole messages only: it builds them
    /// before it writes, and this stream accepts everything at once.
    fn accept(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        if !self.started {
            self.started = true;
            self.await_ready_from(ReadyFrom::Postgres);
            self.outgoing.extend_from_slice(bytes);
            return Ok(());
        }
        while !bytes.is_empty() {
            let (kind, length) = header(bytes).ok_or(io::ErrorKind::InvalidData)?;
            let (message, rest) = bytes.split_at_checked(length).ok_or(io::ErrorKind::InvalidData)?;
            bytes = rest;
            if kind == SYNC && self.pipeline.take_one() {
                self.await_ready_from(ReadyFrom::Stream);
                continue;
            }
            self.is_executed |= matches!(kind, EXECUTE | SIMPLE_QUERY);
            if matches!(kind, SYNC | SIMPLE_QUERY) {
                self.await_ready_from(ReadyFrom::Postgres);
            }
            match statement_name(message) {
                Some(name) => self.accept_renamed(message, name)?,
                None => self.outgoing.extend_from_slice(message),
            }
        }
        Ok(())
    }

    fn await_ready_from(&mut self, ready_from: ReadyFrom) {
        let is_executed = std::mem::take(&mut self.is_executed);
        self.awaited.push_back(Awaited { ready_from, is_executed });
    }

    /// Whether the first statement that waits is ready without a message of Postgres.
    fn is_ready_from_stream(&self) -> bool {
        self.awaited.front().is_some_and(|first| first.ready_from == ReadyFrom::Stream)
    }

    /// Accepts a message with a prefix before the name of its statement, which begins at `name`.
    fn accept_renamed(&mut self, message: &[u8], name: usize) -> io::Result<()> {
        let (before, after) = message.split_at_checked(name).ok_or(io::ErrorKind::InvalidData)?;
        let (kind, before) = before.split_at_checked(HEADER).ok_or(io::ErrorKind::InvalidData)?;
        let length = message.len() - 1 + STATEMENT_PREFIX.len();
        self.outgoing.extend_from_slice(kind.get(..1).unwrap_or_default());
        self.outgoing.put_u32(u32::try_from(length).map_err(|_| io::ErrorKind::InvalidData)?);
        for part in [before, &STATEMENT_PREFIX, after] {
            self.outgoing.extend_from_slice(part);
        }
        Ok(())
    }

    /// Moves the bytes that were read to the driver, and adds the messages that belong to the dropped Syncs.
    ///
    /// # Errors
    /// When a message says that it is shorter than its own length. What is added after it would be read as its content.
    fn parse(&mut self) -> io::Result<()> {
        loop {
            let (kind, missing) = match self.current {
                (_, 0) => match header(&self.unparsed) {
                    Some((_, ..HEADER)) => return Err(io::ErrorKind::InvalidData.into()),
                    Some((READY_FOR_QUERY, length)) => {
                        self.answer_skipped();
                        (READY_FOR_QUERY, length)
                    }
                    Some((BACKEND_KEY_DATA, length)) => {
                        // The driver keeps the process id to itself.
                        let Some(process_id) = self.unparsed.get(HEADER..HEADER + 4) else { return Ok(()) };
                        let process_id = process_id.try_into().map_or(0, u32::from_be_bytes);
                        self.pipeline.0.process_id.store(process_id, Relaxed);
                        (BACKEND_KEY_DATA, length)
                    }
                    Some((ERROR_RESPONSE, length)) => {
                        // An error that answers nothing announces the end of the backend.
                        self.is_closed_by_server |= self.awaited.is_empty();
                        self.is_answered |= !self.awaited.is_empty();
                        (ERROR_RESPONSE, length)
                    }
                    Some(message) => message,
                    None => return Ok(()),
                },
                message => message,
            };
            let part = missing.min(self.unparsed.len());
            self.incoming.put(Buf::take(&mut self.unparsed, part));
            self.current = (kind, missing - part);
            if part < missing {
                return Ok(());
            }
            if matches!(kind, COMMAND_COMPLETE | EMPTY_QUERY_RESPONSE) {
                let is_ready = self.is_ready_from_stream();
                self.is_answered = !is_ready && !self.awaited.is_empty();
                if is_ready {
                    self.awaited.pop_front();
                    self.incoming.extend_from_slice(&READY_IN_TRANSACTION);
                }
            }
        }
    }

    /// Answers the statements that did not complete, before the ReadyForQuery of Postgres. The first of them failed and
    /// has its error already; Postgres skipped the others.
    fn answer_skipped(&mut self) {
        let is_answered = std::mem::take(&mut self.is_answered);
        if !is_answered && self.awaited.front().is_some_and(|first| first.is_executed) {
            self.incoming.extend_from_slice(&NOT_COMPLETED);
        }
        while self.is_ready_from_stream() {
            self.awaited.pop_front();
            self.incoming.extend_from_slice(&READY_IN_TRANSACTION);
            self.incoming.extend_from_slice(&SKIPPED);
        }
        self.awaited.pop_front();
    }
}

/// Where the name of a prepared statement begins in a message of the driver; `None` if the message names none.
fn statement_name(message: &[u8]) -> Option<usize> {
    let start = match (*message.first()?, *message.get(HEADER)?) {
        (PARSE, _) => HEADER,
        (DESCRIBE | CLOSE, b'S') => HEADER + 1,
        // The name of the portal comes first.
        (BIND, _) => HEADER + 1 + message.get(HEADER..)?.iter().position(|byte| *byte == 0)?,
        _ => return None,
    };
    // The unnamed statement keeps its empty name.
    message.get(start).filter(|byte| **byte != 0).map(|_| start)
}

/// Type and total length of the message that begins here; `None` while its header is not complete.
fn header(bytes: &[u8]) -> Option<(u8, usize)> {
    let (kind, length) = bytes.split_first()?;
    let length = u32::from_be_bytes(*length.first_chunk()?);
    Some((*kind, 1 + length as usize))
}

impl<S: AsyncWrite + Unpin> PipelineStream<S> {
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.outgoing.is_empty() {
            match ready!(Pin::new(&mut self.stream).poll_write(cx, &self.outgoing))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                sent => self.outgoing.advance(sent),
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for PipelineStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_send(cx))?;
        self.accept(bytes)?;
        // The driver flushes after writing; the flush sends what the stream does not accept now.
        let sent = self.poll_send(cx);
        self.publish();
        match sent {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            _ => Poll::Ready(Ok(bytes.len())),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let sent = self.poll_send(cx);
        self.publish();
        ready!(sent)?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    /// Waits until Postgres closes its side: the backend has ended when it does. The driver has told it to end, or has sent
    /// a request to cancel. Our side stays open meanwhile: PgBouncer 1.18 ends as a whole when it does not after a cancel.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.closing.is_none() {
            ready!(this.poll_send(cx))?;
            ready!(Pin::new(&mut this.stream).poll_flush(cx))?;
        }
        let limit = this.closing.get_or_insert_with(|| Box::pin(sleep(CLOSE_TIMEOUT)));
        let is_overdue = limit.as_mut().poll(cx).is_ready();
        loop {
            this.unparsed.clear();
            this.unparsed.reserve(READ_SIZE);
            match pin!(this.stream.read_buf(&mut this.unparsed)).poll(cx) {
                Poll::Ready(Ok(1..)) => {}
                Poll::Pending if !is_overdue => return Poll::Pending,
                Poll::Pending => return Poll::Ready(Ok(())),
                Poll::Ready(end) => {
                    this.is_closed_by_server |= is_closed(&end);
                    return Poll::Ready(Ok(()));
                }
            }
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for PipelineStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        this.pipeline.0.reader.register(cx.waker());
        if this.pipeline.0.aborted.load(Acquire) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        while this.incoming.is_empty() {
            this.unparsed.reserve(READ_SIZE);
            let read = ready!(pin!(this.stream.read_buf(&mut this.unparsed)).poll(cx));
            this.is_closed_by_server |= is_closed(&read);
            if read? == 0 {
                return Poll::Ready(Ok(())); // end of stream
            }
            this.parse()?;
            this.publish();
        }
        let part = this.incoming.len().min(into.remaining());
        into.put(Buf::take(&mut this.incoming, part));
        this.publish();
        Poll::Ready(Ok(()))
    }
}

impl<S> Drop for PipelineStream<S> {
    fn drop(&mut self) {
        if self.is_closed_by_server && self.pipeline.0.is_open.load(Acquire) {
            self.pipeline.slot().take();
        }
    }
}

/// Whether this result of a read means that the other side has closed the connection.
fn is_closed(read: &io::Result<usize>) -> bool {
    match read {
        Ok(read) => *read == 0,
        Err(error) => error.kind() == io::ErrorKind::ConnectionReset,
    }
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, reason = "a test fails by a panic")]
mod tests;
