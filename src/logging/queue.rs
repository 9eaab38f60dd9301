//! The lines of the log that wait for standard error, and the thread that writes them.
//!
//! Not tracing-appender: its queue is bounded in lines and not in bytes, and its end gives up after a tenth of a second if
//! the queue is full.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How long the thread gathers lines before it writes them. To wake it for each line would cost a request a tenth more
/// processor time.
const PAUSE: Duration = Duration::from_millis(5);

/// A queue of lines with a bound in bytes. A line that does not fit is dropped and counted, so that nobody waits for it.
pub(super) struct Queue {
    max_bytes: usize,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    waiting: Vec<u8>,
    /// Whether the thread writes lines that it has taken.
    is_writing: bool,
    dropped: u64,
}

impl Queue {
    /// Starts the thread that writes to `out`. The thread and the queue hold at most `max_bytes` each.
    ///
    /// # Errors
    /// When the machine cannot start a thread.
    pub(super) fn start(max_bytes: usize, out: impl Write + Send + 'static) -> io::Result<Arc<Self>> {
        // Neither buffer grows. Memory that no line has used yet is not resident.
        let buffer = || Vec::with_capacity(max_bytes);
        let state = State { waiting: buffer(), is_writing: false, dropped: 0 };
        let queue = Arc::new(Self { max_bytes, state: Mutex::new(state), changed: Condvar::new() });
        let (this, taken) = (queue.clone(), buffer());
        thread::Builder::new().name("log".into()).spawn(move || this.write_for_ever(taken, out))?;
        Ok(queue)
    }

    fn write_for_ever(&self, mut taken: Vec<u8>, mut out: impl Write) {
        loop {
            self.take(&mut taken);
            // If standard error is closed, nobody can be told.
            let _ = out.write_all(&taken);
        }
    }

    /// Waits for lines, and takes all of them.
    fn take(&self, taken: &mut Vec<u8>) {
        taken.clear();
        let mut state = self.state();
        state.is_writing = false;
        self.changed.notify_all();
        while state.waiting.is_empty() {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        drop(state);
        thread::sleep(PAUSE);
        let mut state = self.state();
        std::mem::swap(&mut state.waiting, taken);
        state.is_writing = true;
    }

    /// Adds a line, or drops it.
    pub(super) fn put(&self, line: &[u8]) {
        let mut state = self.state();
        let thread_waits = !state.is_writing && state.waiting.is_empty();
        if state.waiting.len() + line.len() > self.max_bytes {
            state.dropped += 1;
        } else {
            state.waiting.extend_from_slice(line);
        }
        drop(state);
        // Each notification is a call of the kernel.
        if thread_waits {
            self.changed.notify_all();
        }
    }

    /// How many lines were dropped since the start.
    pub(super) fn dropped(&self) -> u64 {
        self.state().dropped
    }

    /// Waits until every line is written, but not longer than until `deadline`.
    pub(super) fn wait_until_written(&self, deadline: Instant) {
        let mut state = self.state();
        while state.is_writing || !state.waiting.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            (state, _) = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    const SOON: Duration = Duration::from_secs(10);

    /// A reader that takes a write only when the test says so. It tells when a write begins, and when it has ended.
    struct Stalled {
        written: Sender<Vec<u8>>,
        goes_on: Receiver<()>,
    }

    impl Write for Stalled {
        fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
            let _ = self.written.send(lines.to_vec());
            let _ = self.goes_on.recv();
            thread::sleep(Duration::from_millis(50));
            let _ = self.written.send(b"done".to_vec());
            Ok(lines.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// A queue of 100 bytes whose thread is busy with the line `first`.
    fn stalled() -> (Arc<Queue>, Receiver<Vec<u8>>, Sender<()>) {
        let ((written, writes), (go_on, goes_on)) = (channel(), channel());
        let queue = Queue::start(100, Stalled { written, goes_on }).expect("a thread");
        put(&queue, "first");
        assert_eq!(writes.recv_timeout(SOON).as_deref(), Ok(&b"first"[..]));
        (queue, writes, go_on)
    }

    fn put(queue: &Queue, line: &str) {
        queue.put(line.as_bytes());
    }

    #[test]
    fn waiting_lines_never_take_more_than_the_bound_and_the_others_are_counted() {
        let (queue, writes, go_on) = stalled();

        put(&queue, &"x".repeat(101));
        for _ in 0..7 {
            put(&queue, &"y".repeat(30));
        }

        let state = queue.state();
        assert_eq!((state.waiting.len(), state.waiting.capacity(), state.dropped), (90, 100, 5));
        drop(state);
        go_on.send(()).expect("a thread");
        assert_eq!(writes.recv_timeout(SOON).as_deref(), Ok(&b"done"[..]));
        assert_eq!(writes.recv_timeout(SOON).map(|lines| lines.len()), Ok(90));
    }

    #[test]
    fn the_end_waits_for_lines_that_are_being_written_and_not_for_ever() {
        let (queue, writes, go_on) = stalled();
        put(&queue, "last");

        queue.wait_until_written(Instant::now() + Duration::from_millis(50));
        assert!(writes.try_recv().is_err(), "the reader has not gone on");

        for _ in 0..3 {
            go_on.send(()).expect("a thread");
        }
        queue.wait_until_written(Instant::now() + SOON);
        put(&queue, "more");
        queue.wait_until_written(Instant::now() + SOON);
        let written: Vec<_> = writes.try_iter().collect();
        assert_eq!(written, ["done", "last", "done", "more", "done"].map(|text| text.as_bytes().to_vec()));
    }
}
