//! The statements of a transaction as one pipeline: with as few Syncs as it needs.
//!
//! The driver ends each statement with a Sync, at which Postgres writes out what it has and says that it is ready. Within a
//! transaction that is too often: it makes four answers of one, which cost Postgres a fifth of its time for a list. This
//! stream below the driver leaves out the Syncs it is told to, and says in Postgres' place the ReadyForQuery that the driver
//! waits for behind each statement (PostgreSQL manual, chapter "Frontend/Backend Protocol", "Extended Query" and
//! "Pipelining"):
//!
//! - Behind a statement that was completed, as soon as it was.
//! - When a statement fails, Postgres skips whatever comes before the next Sync, so that nothing runs after a `BEGIN` or an
//!   identity that failed. Each statement that was skipped is answered with an error in Postgres' place: none is
//!   ever taken for done.

use std::collections::VecDeque;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll, ready};

use bytes::{Buf, BufMut, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

/// How much is read at a time.
const CHUNK: usize = 8 * 1024;

// Types of messages.
const SYNC: u8 = b'S';
const SIMPLE_QUERY: u8 = b'Q';
const READY_FOR_QUERY: u8 = b'Z';
const COMMAND_COMPLETE: u8 = b'C';
const EMPTY_QUERY_RESPONSE: u8 = b'I';

/// ReadyForQuery, within a transaction.
const READY: &[u8] = b"Z\0\0\0\x05T";

/// ErrorResponse: in_failed_sql_transaction.
const SKIPPED: &[u8] = b"E\0\0\0\x41SERROR\0VERROR\0C25P02\0Mskipped: a statement before it failed\0\0";

/// Which Syncs of a connection are left out. Its session's hold on the stream below the driver.
#[derive(Clone, Debug, Default)]
pub(super) struct Pipeline(Arc<AtomicUsize>);

impl Pipeline {
    /// Leaves out the Syncs of the next `statements` that are handed to the driver, when it has no others. At least one more
    /// must follow, or Postgres will not answer.
    pub(super) fn join(&self, statements: usize) {
        self.0.store(statements, Relaxed);
    }

    /// One of them will not be sent after all.
    pub(super) fn forgo(&self) {
        self.leaves_out_one();
    }

    fn leaves_out_one(&self) -> bool {
        self.0.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_ok()
    }
}

/// Who says that Postgres is ready for the next statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ready {
    /// Postgres, at a Sync that it got.
    Postgres,
    /// This stream: the Sync was left out.
    Stream,
}

/// A stream below the driver, from its first message on.
pub(super) struct Piped<S> {
    stream: S,
    pipeline: Pipeline,
    /// Whether the first message was written, the only one that has no type.
    started: bool,
    /// For each statement that the driver waits for, in their order.
    due: VecDeque<Ready>,
    /// What the driver wrote and the stream has not taken yet.
    written: BytesMut,
    /// What was read and not looked at yet.
    raw: BytesMut,
    /// The type of the message that `raw` is in the middle of, and how much of it is to come; 0 between two messages.
    message: (u8, usize),
    /// What the driver has not read yet.
    seen: BytesMut,
}

impl<S> Piped<S> {
    pub(super) fn new(stream: S, pipeline: Pipeline) -> Self {
        Self {
            stream,
            pipeline,
            started: false,
            due: VecDeque::new(),
            written: BytesMut::new(),
            raw: BytesMut::new(),
            message: (0, 0),
            seen: BytesMut::new(),
        }
    }

    /// What lies below.
    pub(super) fn stream(&self) -> &S {
        &self.stream
    }

    /// Takes over what the driver writes, but for the Syncs that are left out. These are whole messages always: the driver
    /// puts them together before it writes, and everything it writes is taken.
    fn take(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        if !self.started {
            self.started = true;
            self.due.push_back(Ready::Postgres);
            self.written.extend_from_slice(bytes);
            return Ok(());
        }
        while !bytes.is_empty() {
            let (kind, length) = head(bytes).ok_or(io::ErrorKind::InvalidData)?;
            let (message, rest) = bytes.split_at_checked(length).ok_or(io::ErrorKind::InvalidData)?;
            bytes = rest;
            if kind == SYNC && self.pipeline.leaves_out_one() {
                self.due.push_back(Ready::Stream);
                continue;
            }
            if matches!(kind, SYNC | SIMPLE_QUERY) {
                self.due.push_back(Ready::Postgres);
            }
            self.written.extend_from_slice(message);
        }
        Ok(())
    }

    /// Hands on what was read, and what Postgres would have said at the Syncs that were left out.
    fn hand_on(&mut self) {
        loop {
            let (kind, rest) = match self.message {
                (_, 0) => match head(&self.raw) {
                    Some((READY_FOR_QUERY, length)) => {
                        self.answer_skipped();
                        (READY_FOR_QUERY, length)
                    }
                    Some(message) => message,
                    None => return,
                },
                message => message,
            };
            let part = rest.min(self.raw.len());
            self.seen.put(Buf::take(&mut self.raw, part));
            self.message = (kind, rest - part);
            if part < rest {
                return;
            }
            if matches!(kind, COMMAND_COMPLETE | EMPTY_QUERY_RESPONSE)
                && self.due.front() == Some(&Ready::Stream)
            {
                self.due.pop_front();
                self.seen.extend_from_slice(READY);
            }
        }
    }

    /// Before Postgres says that it is ready: what was left out and is not done has failed, or was skipped after what has.
    fn answer_skipped(&mut self) {
        while self.due.pop_front() == Some(Ready::Stream) {
            self.seen.extend_from_slice(READY);
            self.seen.extend_from_slice(SKIPPED);
        }
    }
}

/// Type and length of the message that begins here, its type included; nothing when that cannot be told yet.
fn head(bytes: &[u8]) -> Option<(u8, usize)> {
    let (kind, length) = bytes.split_first()?;
    let length = u32::from_be_bytes(*length.first_chunk()?);
    Some((*kind, 1 + length as usize))
}

impl<S: AsyncWrite + Unpin> Piped<S> {
    fn poll_written(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.written.is_empty() {
            match ready!(Pin::new(&mut self.stream).poll_write(cx, &self.written))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                taken => self.written.advance(taken),
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Piped<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_written(cx))?;
        self.take(bytes)?;
        // What the stream does not take now goes with the flush, which the driver waits for.
        match self.poll_written(cx) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            _ => Poll::Ready(Ok(bytes.len())),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_written(cx))?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_written(cx))?;
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Piped<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let piped = &mut *self;
        while piped.seen.is_empty() {
            piped.raw.reserve(CHUNK);
            if ready!(pin!(piped.stream.read_buf(&mut piped.raw)).poll(cx))? == 0 {
                return Poll::Ready(Ok(())); // the end
            }
            piped.hand_on();
        }
        let part = piped.seen.len().min(into.remaining());
        into.put(Buf::take(&mut piped.seen, part));
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncWriteExt, DuplexStream, duplex};
    use tokio::time::timeout;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    /// Messages by their types: each with some octets, but those that have none.
    fn messages(kinds: &str) -> Vec<u8> {
        let message = |kind| match kind {
            'Z' => b"Z\0\0\0\x05I".to_vec(),
            't' => READY.to_vec(),
            's' => SKIPPED.to_vec(),
            'S' => b"S\0\0\0\x04".to_vec(),
            kind => [&[kind as u8, 0, 0, 1, 4 + 44], &[b'Z'; 300][..]].concat(),
        };
        kinds.chars().flat_map(message).collect()
    }

    /// A stream that takes and gives so many octets at a time, at which the start and its answer have been exchanged.
    async fn started(portion: usize) -> (Piped<DuplexStream>, DuplexStream, Pipeline) {
        let (here, mut there) = duplex(portion);
        let pipeline = Pipeline::default();
        let mut piped = Piped::new(here, pipeline.clone());
        exchange(&mut piped, &mut there, b"\0\0\0\x08SSSS", b"\0\0\0\x08SSSS").await;
        answers(&mut piped, &mut there, "RSSKZ", "RSSKZ").await;
        (piped, there, pipeline)
    }

    /// What the driver writes, and what arrives.
    async fn exchange(
        piped: &mut Piped<DuplexStream>,
        there: &mut DuplexStream,
        written: &[u8],
        arrives: &[u8],
    ) {
        let mut arrived = vec![0; arrives.len()];
        let write = async {
            piped.write_all(written).await.expect("written");
            piped.flush().await.expect("written");
        };
        let exchange = async { tokio::join!(there.read_exact(&mut arrived), write) };
        let (read, ()) = timeout(PATIENCE, exchange).await.expect("as much as that");
        read.expect("as much as that");
        assert_eq!(arrived, arrives);
    }

    async fn writes(piped: &mut Piped<DuplexStream>, there: &mut DuplexStream, kinds: &str, arrives: &str) {
        exchange(piped, there, &messages(kinds), &messages(arrives)).await;
    }

    /// What Postgres answers, and what the driver reads.
    async fn answers(piped: &mut Piped<DuplexStream>, there: &mut DuplexStream, kinds: &str, reads: &str) {
        let (answer, wanted) = (messages(kinds), messages(reads));
        let mut read = vec![0; wanted.len()];
        let exchange = async { tokio::join!(there.write_all(&answer), piped.read_exact(&mut read)) };
        let (wrote, done) = timeout(PATIENCE, exchange).await.expect("as much as that");
        wrote.expect("written");
        done.expect("as much as that");
        assert_eq!(String::from_utf8_lossy(&read), String::from_utf8_lossy(&wanted), "{kinds}");
        assert!(piped.seen.is_empty() && piped.raw.is_empty() && piped.due.is_empty(), "{kinds}");
    }

    const PORTIONS: [usize; 8] = [1, 2, 4, 5, 6, 7, 1000, 100_000];

    #[tokio::test]
    async fn statements_that_are_joined_have_one_sync_and_are_ready_each() {
        for portion in PORTIONS {
            let (mut piped, mut there, pipeline) = started(portion).await;
            for _ in 0..3 {
                pipeline.join(3);
                writes(&mut piped, &mut there, "BESBESBESBES", "BEBEBEBES").await;
                answers(&mut piped, &mut there, "2C2C2DDDC2CZ", "2Ct2Ct2DDDCt2CZ").await;
            }
            writes(&mut piped, &mut there, "BESPDSQ", "BESPDSQ").await;
            answers(&mut piped, &mut there, "2CZ1tTZTDCCZ", "2CZ1tTZTDCCZ").await;
        }
    }

    #[tokio::test]
    async fn what_is_skipped_after_a_statement_that_failed_is_an_error() {
        for portion in PORTIONS {
            for (answer, read) in [
                ("EZ", "EtststsZ"),
                ("2CEZ", "2CtEtstsZ"),
                ("2C2CEZ", "2Ct2CtEtsZ"),
                ("2C2C2DDEZ", "2Ct2Ct2DDEtsZ"),
                ("2C2C2DDCEZ", "2Ct2Ct2DDCtEZ"),
                ("N2CSS2CA2DDCN2CZ", "N2CtSS2CtA2DDCtN2CZ"),
            ] {
                let (mut piped, mut there, pipeline) = started(portion).await;
                pipeline.join(3);
                writes(&mut piped, &mut there, "BESBESBESBES", "BEBEBEBES").await;
                answers(&mut piped, &mut there, answer, read).await;
            }
        }
    }

    #[tokio::test]
    async fn a_sync_that_is_kept_ends_what_is_skipped() {
        for portion in PORTIONS {
            for (answer, read) in [
                ("2C2C2CZ2CZ", "2Ct2Ct2CZ2CZ"),
                ("2C2CEZ2CZ", "2Ct2CtEZ2CZ"),
                ("2CEZ2CZ", "2CtEtsZ2CZ"),
                ("EZ2CZ", "EtstsZ2CZ"),
                ("EZEZ", "EtstsZEZ"),
            ] {
                let (mut piped, mut there, pipeline) = started(portion).await;
                pipeline.join(2);
                writes(&mut piped, &mut there, "BESBESBESBES", "BEBEBESBES").await;
                answers(&mut piped, &mut there, answer, read).await;
            }
        }
    }

    #[tokio::test]
    async fn half_a_message_from_the_driver_is_an_error_and_not_a_wrong_message() {
        let (mut piped, _there, _) = started(1000).await;

        for half in [&b"B"[..], b"B\0\0\0", b"B\0\0\0\x09xy"] {
            assert_eq!(piped.write_all(half).await.expect_err("half").kind(), io::ErrorKind::InvalidData);
        }
    }
}
