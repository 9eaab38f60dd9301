//! Sends the statements of a transaction as one pipeline with fewer Sync messages.
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

use std::collections::VecDeque;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll, ready};

use bytes::{Buf, BufMut, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

/// How many bytes are read at a time.
const READ_SIZE: usize = 8 * 1024;

// Message types.
const SYNC: u8 = b'S';
const SIMPLE_QUERY: u8 = b'Q';
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

/// A message of the protocol: its type, its length without the type, its content.
fn message(kind: u8, content: &[u8]) -> Vec<u8> {
    let length = 4 + content.len() as u32;
    [&[kind], &length.to_be_bytes()[..], content].concat()
}

/// Decides which Syncs of a connection are dropped. The session and the stream below the driver share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Pipeline(Arc<AtomicUsize>);

impl Pipeline {
    /// Drops the Syncs of the next `statements` that the driver gets. The driver must be idle. At least one more statement
    /// must follow, or Postgres does not answer.
    pub(super) fn omit_syncs(&self, statements: usize) {
        self.0.store(statements, Relaxed);
    }

    /// Reports that the driver did not send one of these statements, so that one Sync less is dropped.
    pub(super) fn statement_not_sent(&self) {
        self.take_one();
    }

    /// Whether the next Sync is to be dropped.
    fn take_one(&self) -> bool {
        self.0.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_ok()
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

/// The stream below the driver, from its first message on.
pub(super) struct PipelineStream<S> {
    stream: S,
    pipeline: Pipeline,
    /// Whether the startup message was written. It is the only message without a type.
    started: bool,
    /// One entry for each statement that waits for its ReadyForQuery, in order.
    awaited: VecDeque<ReadyFrom>,
    /// Bytes from the driver that the stream below has not accepted yet.
    outgoing: BytesMut,
    /// Bytes from Postgres that were not parsed yet.
    unparsed: BytesMut,
    /// The type of the message that `unparsed` continues, and how many of its bytes are missing; 0 between messages.
    current: (u8, usize),
    /// Bytes that the driver has not read yet.
    incoming: BytesMut,
}

impl<S> PipelineStream<S> {
    pub(super) fn new(stream: S, pipeline: Pipeline) -> Self {
        Self {
            stream,
            pipeline,
            started: false,
            awaited: VecDeque::new(),
            outgoing: BytesMut::new(),
            unparsed: BytesMut::new(),
            current: (0, 0),
            incoming: BytesMut::new(),
        }
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
            self.awaited.push_back(ReadyFrom::Postgres);
            self.outgoing.extend_from_slice(bytes);
            return Ok(());
        }
        while !bytes.is_empty() {
            let (kind, length) = header(bytes).ok_or(io::ErrorKind::InvalidData)?;
            let (message, rest) = bytes.split_at_checked(length).ok_or(io::ErrorKind::InvalidData)?;
            bytes = rest;
            if kind == SYNC && self.pipeline.take_one() {
                self.awaited.push_back(ReadyFrom::Stream);
                continue;
            }
            if matches!(kind, SYNC | SIMPLE_QUERY) {
                self.awaited.push_back(ReadyFrom::Postgres);
            }
            self.outgoing.extend_from_slice(message);
        }
        Ok(())
    }

    /// Moves the bytes that were read to the driver, and adds the messages that belong to the dropped Syncs.
    fn parse(&mut self) {
        loop {
            let (kind, missing) = match self.current {
                (_, 0) => match header(&self.unparsed) {
                    Some((READY_FOR_QUERY, length)) => {
                        self.answer_skipped();
                        (READY_FOR_QUERY, length)
                    }
                    Some(message) => message,
                    None => return,
                },
                message => message,
            };
            let part = missing.min(self.unparsed.len());
            self.incoming.put(Buf::take(&mut self.unparsed, part));
            self.current = (kind, missing - part);
            if part < missing {
                return;
            }
            if matches!(kind, COMMAND_COMPLETE | EMPTY_QUERY_RESPONSE)
                && self.awaited.front() == Some(&ReadyFrom::Stream)
            {
                self.awaited.pop_front();
                self.incoming.extend_from_slice(&READY_IN_TRANSACTION);
            }
        }
    }

    /// Answers the statements that did not complete, before the ReadyForQuery of Postgres. The first of them failed and
    /// has its error already; Postgres skipped the others.
    fn answer_skipped(&mut self) {
        while self.awaited.pop_front() == Some(ReadyFrom::Stream) {
            self.incoming.extend_from_slice(&READY_IN_TRANSACTION);
            self.incoming.extend_from_slice(&SKIPPED);
        }
    }
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

impl<S: AsyncWrite + Unpin> AsyncWrite for PipelineStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_send(cx))?;
        self.accept(bytes)?;
        // The driver flushes after writing; the flush sends what the stream does not accept now.
        match self.poll_send(cx) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            _ => Poll::Ready(Ok(bytes.len())),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_send(cx))?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_send(cx))?;
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for PipelineStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        while this.incoming.is_empty() {
            this.unparsed.reserve(READ_SIZE);
            if ready!(pin!(this.stream.read_buf(&mut this.unparsed)).poll(cx))? == 0 {
                return Poll::Ready(Ok(())); // end of stream
            }
            this.parse();
        }
        let part = this.incoming.len().min(into.remaining());
        into.put(Buf::take(&mut this.incoming, part));
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncWriteExt, DuplexStream, duplex};
    use tokio::time::timeout;

    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(10);

    /// Messages by their types. `Z`, `t`, `s` and `S` are as on the wire, the others have 300 bytes of content.
    fn messages(kinds: &str) -> Vec<u8> {
        let message = |kind| match kind {
            'Z' => b"Z\0\0\0\x05I".to_vec(),
            't' => READY_IN_TRANSACTION.clone(),
            's' => SKIPPED.clone(),
            'S' => b"S\0\0\0\x04".to_vec(),
            kind => super::message(kind as u8, &[b'Z'; 300]),
        };
        kinds.chars().flat_map(message).collect()
    }

    /// A stream that moves at most `portion` bytes at a time, after the startup message and its answer.
    async fn started(portion: usize) -> (PipelineStream<DuplexStream>, DuplexStream, Pipeline) {
        let (here, mut there) = duplex(portion);
        let pipeline = Pipeline::default();
        let mut stream = PipelineStream::new(here, pipeline.clone());
        exchange(&mut stream, &mut there, b"\0\0\0\x08SSSS", b"\0\0\0\x08SSSS").await;
        answers(&mut stream, &mut there, "RSSKZ", "RSSKZ").await;
        (stream, there, pipeline)
    }

    /// The driver writes `written`, and `arrives` must reach the server.
    async fn exchange(
        stream: &mut PipelineStream<DuplexStream>,
        there: &mut DuplexStream,
        written: &[u8],
        arrives: &[u8],
    ) {
        let mut arrived = vec![0; arrives.len()];
        let write = async {
            stream.write_all(written).await.expect("written");
            stream.flush().await.expect("written");
        };
        let exchange = async { tokio::join!(there.read_exact(&mut arrived), write) };
        let (read, ()) = timeout(TIMEOUT, exchange).await.expect("enough bytes in time");
        read.expect("enough bytes in time");
        assert_eq!(arrived, arrives);
    }

    async fn writes(
        stream: &mut PipelineStream<DuplexStream>,
        there: &mut DuplexStream,
        kinds: &str,
        arrives: &str,
    ) {
        exchange(stream, there, &messages(kinds), &messages(arrives)).await;
    }

    /// Postgres answers `kinds`, and the driver must read `reads`.
    async fn answers(
        stream: &mut PipelineStream<DuplexStream>,
        there: &mut DuplexStream,
        kinds: &str,
        reads: &str,
    ) {
        let (answer, wanted) = (messages(kinds), messages(reads));
        let mut read = vec![0; wanted.len()];
        let exchange = async { tokio::join!(there.write_all(&answer), stream.read_exact(&mut read)) };
        let (wrote, done) = timeout(TIMEOUT, exchange).await.expect("enough bytes in time");
        wrote.expect("written");
        done.expect("enough bytes in time");
        assert_eq!(String::from_utf8_lossy(&read), String::from_utf8_lossy(&wanted), "{kinds}");
        assert!(
            stream.incoming.is_empty() && stream.unparsed.is_empty() && stream.awaited.is_empty(),
            "{kinds}"
        );
    }

    const PORTIONS: [usize; 8] = [1, 2, 4, 5, 6, 7, 1000, 100_000];

    #[tokio::test]
    async fn statements_of_a_pipeline_share_one_sync_and_each_becomes_ready() {
        for portion in PORTIONS {
            let (mut stream, mut there, pipeline) = started(portion).await;
            for _ in 0..3 {
                pipeline.omit_syncs(3);
                writes(&mut stream, &mut there, "BESBESBESBES", "BEBEBEBES").await;
                answers(&mut stream, &mut there, "2C2C2DDDC2CZ", "2Ct2Ct2DDDCt2CZ").await;
            }
            writes(&mut stream, &mut there, "BESPDSQ", "BESPDSQ").await;
            answers(&mut stream, &mut there, "2CZ1tTZTDCCZ", "2CZ1tTZTDCCZ").await;
        }
    }

    #[tokio::test]
    async fn a_statement_that_was_skipped_after_a_failed_one_is_an_error() {
        for portion in PORTIONS {
            for (answer, read) in [
                ("EZ", "EtststsZ"),
                ("2CEZ", "2CtEtstsZ"),
                ("2C2CEZ", "2Ct2CtEtsZ"),
                ("2C2C2DDEZ", "2Ct2Ct2DDEtsZ"),
                ("2C2C2DDCEZ", "2Ct2Ct2DDCtEZ"),
                ("N2CSS2CA2DDCN2CZ", "N2CtSS2CtA2DDCtN2CZ"),
            ] {
                let (mut stream, mut there, pipeline) = started(portion).await;
                pipeline.omit_syncs(3);
                writes(&mut stream, &mut there, "BESBESBESBES", "BEBEBEBES").await;
                answers(&mut stream, &mut there, answer, read).await;
            }
        }
    }

    #[tokio::test]
    async fn statements_after_a_kept_sync_are_not_skipped() {
        for portion in PORTIONS {
            for (answer, read) in [
                ("2C2C2CZ2CZ", "2Ct2Ct2CZ2CZ"),
                ("2C2CEZ2CZ", "2Ct2CtEZ2CZ"),
                ("2CEZ2CZ", "2CtEtsZ2CZ"),
                ("EZ2CZ", "EtstsZ2CZ"),
                ("EZEZ", "EtstsZEZ"),
            ] {
                let (mut stream, mut there, pipeline) = started(portion).await;
                pipeline.omit_syncs(2);
                writes(&mut stream, &mut there, "BESBESBESBES", "BEBEBESBES").await;
                answers(&mut stream, &mut there, answer, read).await;
            }
        }
    }

    #[tokio::test]
    async fn a_partial_message_from_the_driver_is_an_error() {
        let (mut stream, _there, _) = started(1000).await;

        for half in [&b"B"[..], b"B\0\0\0", b"B\0\0\0\x09xy"] {
            assert_eq!(stream.write_all(half).await.expect_err("half").kind(), io::ErrorKind::InvalidData);
        }
    }
}
