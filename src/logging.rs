//! The log, on standard error.
//!
//! It never holds tokens, titles, descriptions or users' ids, at any level and with any filter. Two libraries would write
//! them:
//!
//! - The PostgreSQL driver logs bound values at level debug, through the crate `log`. That crate is not connected here.
//! - warp logs the segments of paths at level trace. That level is enabled for this crate only.
//!
//! A thread of its own writes the lines, from a queue of limited length. If the reader of standard error stalls and the queue
//! is full, further lines are dropped and counted, so that the server never waits for its log.

use std::io::Write;
use std::sync::mpsc;
use std::time::Duration;

use tokio::time::sleep;
use tracing::Level;
use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::filter::{LevelFilter, Targets, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Which events are logged.
#[derive(Clone, Debug, Default)]
pub struct Filter(Targets);

/// How events are logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Lines for people.
    #[default]
    Text,
    /// One JSON object in each line.
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

/// How many lines wait to be written: about 2 MB.
const MAX_WAITING_LINES: usize = 8192;

/// How long the program waits for the reader of standard error when it ends.
const END_TIMEOUT: Duration = Duration::from_secs(2);

/// How often dropped lines are looked for.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);

/// The running log. [`Log::end`] writes what waits.
pub struct Log {
    writer: WorkerGuard,
    dropped: ErrorCounter,
}

/// Starts the log. Can be called once.
pub fn start(filter: &Filter, format: Format) -> Log {
    let (queue, writer) = NonBlockingBuilder::default()
        .lossy(true)
        .buffered_lines_limit(MAX_WAITING_LINES)
        .thread_name("log")
        .finish(std::io::stderr());
    let dropped = queue.error_counter();
    let without_paths =
        filter_fn(|event| *event.level() < Level::TRACE || event.target().starts_with("rowkeep"));
    let registry = tracing_subscriber::registry().with(filter.0.clone()).with(without_paths);
    let lines = tracing_subscriber::fmt::layer().with_writer(queue);
    match format {
        Format::Text => {
            let ansi = std::io::IsTerminal::is_terminal(&std::io::stderr());
            registry.with(lines.with_ansi(ansi).with_target(false)).init();
        }
        Format::Json => registry.with(lines.json().flatten_event(true)).init(),
    }
    // The hook of the standard library would wait for standard error.
    std::panic::set_hook(Box::new(|panic| tracing::error!(%panic, "a part of the program panicked")));
    Log { writer, dropped }
}

impl Log {
    /// Says how many lines were dropped since the start, once lines can be written again. Never ends.
    pub fn report_dropped(&self) -> impl Future<Output = ()> + Send + use<> {
        let dropped = self.dropped.clone();
        async move {
            let mut reported = 0;
            loop {
                sleep(REPORT_INTERVAL).await;
                let total = dropped.dropped_lines();
                if total == reported {
                    continue;
                }
                tracing::warn!(total, "lines of the log were dropped, because nobody read standard error");
                // If the queue is still full, this line was dropped as well.
                if dropped.dropped_lines() == total {
                    reported = total;
                }
            }
        }
    }

    /// Writes what waits, for as long as its reader takes it within two seconds.
    pub fn end(self) {
        within_end_timeout(move || drop(self.writer));
    }
}

/// Writes the last line of the program to standard error, without waiting longer than two seconds for its reader.
pub fn print_error(error: &str) {
    let line = format!("rowkeep: {error}\n");
    within_end_timeout(move || {
        let _ = std::io::stderr().write_all(line.as_bytes());
    });
}

/// Runs `write` in a thread, and leaves it behind if that takes too long.
fn within_end_timeout(write: impl FnOnce() + Send + 'static) {
    let (done, ended) = mpsc::channel();
    std::thread::spawn(move || {
        write();
        let _ = done.send(());
    });
    let _ = ended.recv_timeout(END_TIMEOUT);
}

#[cfg(test)]
mod tests {
    use super::*;

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
