//! What is written to the log, on standard error, and what never is.
//!
//! Never: tokens, titles, descriptions, users' ids. The driver would write bound values at level debug; it speaks
//! through the crate `log`, to which nothing here listens, and warp would write every segment of a path at level trace,
//! which is heard of this crate only: no level and no filter brings them out.

use tracing::Level;
use tracing_subscriber::filter::{LevelFilter, Targets, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Which events are logged.
#[derive(Clone, Debug, Default)]
pub struct Filter(Targets);

/// How events are logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// A line for people.
    #[default]
    Text,
    /// A JSON object in each line.
    Json,
}

impl Filter {
    /// Reads the name of a level, in any case and as Python spells it (`WARNING`, `CRITICAL`), or a comma-separated
    /// filter of such names and `target=level`.
    ///
    /// # Errors
    /// A sentence that names what is neither.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut targets = Targets::new();
        for piece in text.split(',').map(str::trim) {
            let (target, name) = piece.split_once('=').unwrap_or(("", piece));
            let level = level(name).ok_or_else(|| {
                format!(
                    "{piece:?} is no level (off, error, warn, info, debug, trace) and no filter (rowkeep=debug)"
                )
            })?;
            targets = match target.trim() {
                "" if piece.contains('=') => return Err(format!("{piece:?} names no target")),
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

/// Writes events to standard error from now on.
pub fn start(filter: &Filter, format: Format) {
    let discreet = filter_fn(|event| *event.level() < Level::TRACE || event.target().starts_with("rowkeep"));
    let registry = tracing_subscriber::registry().with(filter.0.clone()).with(discreet);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    match format {
        Format::Text => {
            let ansi = std::io::IsTerminal::is_terminal(&std::io::stderr());
            registry.with(lines.with_ansi(ansi).with_target(false)).init();
        }
        Format::Json => registry.with(lines.json().flatten_event(true)).init(),
    }
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
    fn a_filter_may_name_targets() {
        let Filter(targets) = Filter::parse("warn,rowkeep=debug").expect("a filter");

        assert!(targets.would_enable("rowkeep::session", &Level::DEBUG));
        assert!(!targets.would_enable("hyper", &Level::INFO));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["verbose", "rowkeep=loud", "=debug", "info,chatty", "2", ",", "info,"] {
            assert!(Filter::parse(text).is_err(), "{text}");
        }
    }
}
