//! The log, on standard error.
//!
//! It never holds tokens, titles, descriptions or users' ids, at any level and with any filter. Two libraries would write
//! them:
//!
//! - The PostgreSQL driver logs bound values at level debug, through the crate `log`. That crate is not connected here.
//! - warp logs the segments of paths at level trace. That level is enabled for this crate only.
//!
//! Clients, databases and issuers choose parts of some texts. `line` is the only place where a text becomes a part of a line,
//! and none of them can end a value or a line there.
//!
//! A thread of its own writes the lines, from a queue with a limit in bytes. If the reader of standard error stalls and the
//! queue is full, further lines are dropped and counted, so that the server never waits for its log.

mod line;
mod printable;
mod queue;

use std::any::Any;
use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use tokio::time::sleep;
use tracing::Level;
use tracing_subscriber::filter::{LevelFilter, Targets, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use line::Lines;
use queue::Queue;

/// Which events are logged.
#[derive(Clone, Debug, Default)]
pub struct Filter(Targets);

/// How events are logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Lines for people: time, level, event, and `name=value` for each field.
    #[default]
    Text,
    /// One JSON object in each line, by the Elastic Common Schema.
    Json,
}

impl Filter {
    /// Parses the name of a level, or a comma-separated list of such names and of `target=level`. Names are in any case,
    /// and may be Python's (`WARNING`, `CRITICAL`).
    ///
    /// # Errors
    /// The part of the text that is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut targets = Targets::new();
        for piece in text.split(',').map(str::trim) {
            let (target, name) = piece.split_once('=').unwrap_or(("", piece));
            let level = level(name).ok_or_else(|| {
                format!(
                    "{piece:?} is not a level (off, error, warn, info, debug, trace) and not a filter (rowkeep=debug)"
                )
            })?;
            targets = match target.trim() {
                "" if piece.contains('=') => return Err(format!("{piece:?} has no target before the =")),
                "" => targets.with_default(level),
                target => targets.with_target(target, level),
            };
        }
        Ok(Self(targets))
    }
}

fn level(name: &str) -> Option<LevelFilter> {
    Some(match name.trim().to_ascii_lowercase().as_str() {
        "off" => LevelFilter::OFF,
        "critical" | "fatal" | "error" => LevelFilter::from_level(Level::ERROR),
        "warn" | "warning" => LevelFilter::from_level(Level::WARN),
        "info" => LevelFilter::from_level(Level::INFO),
        "debug" => LevelFilter::from_level(Level::DEBUG),
        "trace" | "notset" => LevelFilter::from_level(Level::TRACE),
        _ => return None,
    })
}

/// How many bytes of lines wait to be written. As many again can be with the thread that writes them.
const MAX_WAITING_BYTES: usize = 1024 * 1024;

/// How long the program waits for the reader of standard error when it ends.
const END_TIMEOUT: Duration = Duration::from_secs(2);

/// How often dropped lines are looked for.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);

/// The running log. [`Log::end`] writes what waits.
#[derive(Clone)]
pub struct Log {
    queue: Arc<Queue>,
    /// How many dropped lines a line of the log has told of.
    reported: Arc<AtomicU64>,
}

/// Starts the log. Can be called once.
///
/// # Errors
/// When the machine cannot start a thread.
pub fn start(filter: &Filter, format: Format) -> io::Result<Log> {
    let queue = Queue::start(MAX_WAITING_BYTES, io::stderr())?;
    let without_paths =
        filter_fn(|event| *event.level() < Level::TRACE || event.target().starts_with("rowkeep"));
    let registry = tracing_subscriber::registry().with(filter.0.clone()).with(without_paths);
    let is_colored = io::IsTerminal::is_terminal(&io::stderr());
    registry.with(Lines { format, is_colored, queue: queue.clone() }).init();
    // The hook of the standard library would wait for standard error.
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        tracing::error!(
            error.message = panic_text(panic.payload(), place.as_deref()),
            "a part of the program panicked"
        );
    }));
    Ok(Log { queue, reported: Arc::default() })
}

/// What the log says of a panic: its text only if that is a constant. Another can hold a title or a token: that of a wrong
/// slice of a text repeats the text.
fn panic_text(payload: &dyn Any, place: Option<&str>) -> String {
    let text = payload.downcast_ref::<&'static str>().copied();
    format!("{} at {}", text.unwrap_or("a panic"), place.unwrap_or("an unknown place"))
}

impl Log {
    /// Says how many lines were dropped since the start, once lines can be written again. Never ends.
    pub async fn report_dropped(self) {
        loop {
            sleep(REPORT_INTERVAL).await;
            self.report();
        }
    }

    /// How many lines were dropped since the start.
    pub fn dropped(&self) -> u64 {
        self.queue.dropped()
    }

    fn report(&self) {
        let total = self.queue.dropped();
        if total == self.reported.load(Ordering::Relaxed) {
            return;
        }
        tracing::warn!(
            rowkeep.dropped_lines = total,
            "lines of the log were dropped, because nobody read standard error"
        );
        // If the queue is still full, this line was dropped as well.
        if self.queue.dropped() == total {
            self.reported.store(total, Ordering::Relaxed);
        }
    }

    /// Writes what waits and then the lines of `last`, for as long as their reader takes them within two seconds.
    pub fn end(self, last: impl FnOnce()) {
        let deadline = Instant::now() + END_TIMEOUT;
        // The queue can be full, and the last lines must not be dropped.
        self.queue.wait_until_written(deadline);
        self.report();
        last();
        self.queue.wait_until_written(deadline);
    }
}

/// A text that others have chosen, as one line for people: what does not print is shown as in the log.
pub fn printable(text: &str) -> String {
    printable::printable(text)
}

/// Writes the last words of the program to standard error, without waiting longer than two seconds for its reader.
///
/// `statements` is a part of the error to copy into psql, or empty. This release has chosen all of it.
pub fn print_error(error: &str, statements: &str) {
    let line = format!("rowkeep: {}\n", printable::last_words(error, statements));
    let (done, ended) = mpsc::channel();
    // The thread is left behind if that takes too long.
    std::thread::spawn(move || {
        let _ = io::stderr().write_all(line.as_bytes());
        let _ = done.send(());
    });
    let _ = ended.recv_timeout(END_TIMEOUT);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_has_its_place_and_no_text_that_was_put_together() {
        let title = String::from("ümark");
        let wrong = std::panic::catch_unwind(|| title.split_at(1).0.len()).expect_err("inside of a letter");
        assert!(wrong.downcast_ref::<String>().is_some_and(|text| text.contains("mark")));

        assert_eq!(panic_text(&*wrong, Some("src/a.rs:1:2")), "a panic at src/a.rs:1:2");
        assert_eq!(panic_text(&"a constant", Some("src/a.rs:1:2")), "a constant at src/a.rs:1:2");
    }

    #[test]
    fn levels_are_read_as_other_servers_spell_them() {
        for (text, wanted) in [
            ("INFO", LevelFilter::INFO),
            ("Warning", LevelFilter::WARN),
            ("CRITICAL", LevelFilter::ERROR),
            ("debug", LevelFilter::DEBUG),
            ("off", LevelFilter::OFF),
        ] {
            let Filter(targets) = Filter::parse(text).expect(text);
            assert_eq!(targets.default_level(), Some(wanted), "{text}");
        }
    }

    #[test]
    fn a_filter_sets_the_level_of_a_target() {
        let Filter(targets) = Filter::parse("warn,rowkeep=debug").expect("a filter");

        assert!(targets.would_enable("rowkeep::session", &Level::DEBUG));
        assert!(!targets.would_enable("hyper", &Level::INFO));
    }

    #[test]
    fn a_text_that_is_no_level_and_no_filter_is_refused() {
        for text in ["verbose", "rowkeep=loud", "=debug", "info,chatty", "2", ",", "info,"] {
            assert!(Filter::parse(text).is_err(), "{text}");
        }
    }
}
