//! The log, on standard error.
//!
//! It never holds tokens, titles, descriptions or users' ids, at any level and with any filter. Two libraries would write
//! them:
//!
//! - The PostgreSQL driver logs bound values at level debug, through the crate `log`. That crate is not connected here.
//! - warp logs the segments of paths at level trace. That level is enabled for this crate only.

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

/// Starts the log. Can be called once.
pub fn start(filter: &Filter, format: Format) {
    let without_paths =
        filter_fn(|event| *event.level() < Level::TRACE || event.target().starts_with("rowkeep"));
    let registry = tracing_subscriber::registry().with(filter.0.clone()).with(without_paths);
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
