//! Shows how far an adoption is: a bar on a terminal, else lines in the log.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// How often the log gets a line while rows are copied.
const LINE_INTERVAL: Duration = Duration::from_secs(5);

/// How often a bar without a number moves.
const TICK: Duration = Duration::from_millis(100);

/// A bar on standard error if that is a terminal; otherwise it draws nothing, and the log gets lines.
pub struct Progress {
    bar: ProgressBar,
    last_line: Mutex<Instant>,
}

impl Progress {
    /// Begins to show. Draws nothing yet.
    pub fn start() -> Self {
        Self { bar: ProgressBar::no_length(), last_line: Mutex::new(Instant::now()) }
    }

    /// Begins to copy that many rows.
    pub(super) fn rows(&self, total: u64) {
        self.bar.set_length(total);
        self.style("{msg} [{bar:40}] {human_pos} of {human_len} ({eta})");
        self.say("copying the rows");
    }

    /// One more row was copied.
    pub(super) fn advance(&self) {
        self.bar.inc(1);
        if !self.bar.is_hidden() {
            return;
        }
        let mut last = self.last_line.lock().unwrap_or_else(PoisonError::into_inner);
        if last.elapsed() >= LINE_INTERVAL {
            *last = Instant::now();
            tracing::info!(
                rowkeep.copied_rows = self.bar.position(),
                rowkeep.rows = self.bar.length().unwrap_or_default(),
                "copying rows"
            );
        }
    }

    /// Begins a part whose length is not known.
    pub(super) fn phase(&self, what: &'static str) {
        self.style("{spinner} {msg} ({elapsed})");
        self.bar.reset();
        self.bar.enable_steady_tick(TICK);
        self.say(what);
    }

    /// Removes the bar.
    pub(super) fn end(&self) {
        self.bar.finish_and_clear();
    }

    fn say(&self, what: &'static str) {
        self.bar.set_message(what);
        if self.bar.is_hidden() {
            tracing::info!(rowkeep.phase = what, "adopting");
        }
    }

    fn style(&self, template: &str) {
        // A template that cannot be parsed leaves the bar as it was.
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.bar.set_style(style);
        }
    }
}
