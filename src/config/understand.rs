//! From texts to a [`Config`], noting everything that is wrong on the way.

use std::net::{SocketAddr, ToSocketAddrs};
use std::time::Duration;

use super::{Config, Misconfigured, Settings};
use crate::database::Address;
use crate::http::Origins;
use crate::logging::{Filter, Format};
use crate::session::Options;

impl Settings {
    /// Whether this is a developer's machine, as far as it can be known before the settings are understood.
    pub fn in_development(&self) -> bool {
        matches!(self.environment.trim(), "" | "development")
    }

    /// Understands the settings.
    ///
    /// # Errors
    /// Everything that is missing or wrong, at once.
    pub fn understand(&self) -> Result<Config, Misconfigured> {
        let mut wrong = Problems::default();

        let development = match self.environment.trim() {
            "" | "development" => true,
            "staging" | "production" => false,
            other => {
                wrong.say(format!("ENVIRONMENT is {other:?}; it must be development, staging or production"));
                true
            }
        };

        let database = wrong.address("DATABASE_URL", &self.database_url);
        let migration_database = wrong.address("MIGRATION_DATABASE_URL", &self.migration_database_url);
        if !development && self.database_url.trim().is_empty() {
            wrong.say("DATABASE_URL is missing: postgres://user:password@host/database");
        }

        let pool_size = wrong.number("DATABASE_POOL_SIZE", &self.database_pool_size, 8, 1..=1000);
        let min_idle = wrong.number("DATABASE_POOL_MIN_IDLE", &self.database_pool_min_idle, 1, 0..=1000);
        let request_timeout = wrong.seconds("REQUEST_TIMEOUT", &self.request_timeout, 10, 1..=3600);

        let config = Config {
            listen: wrong.listen(&self.host, &self.port),
            development,
            database,
            migration_database,
            session: Options {
                pool_size: pool_size as u32,
                // More than there may be at all is as good as all.
                min_idle: min_idle.min(pool_size) as u32,
                max_lifetime: wrong.seconds(
                    "DATABASE_MAX_LIFETIME",
                    &self.database_max_lifetime,
                    1800,
                    1..=86_400,
                ),
                patience: request_timeout / 3,
            },
            token_rules: self.token_rules(&mut wrong, development, request_timeout / 3),
            origins: wrong.note(
                "CORS_ORIGINS",
                Origins::parse(or_default(&self.cors_origins, "http://localhost:3000")),
            ),
            log_filter: wrong.note("LOG_LEVEL", Filter::parse(or_default(&self.log_level, "info"))),
            log_format: match self.log_format.trim().to_ascii_lowercase().as_str() {
                "" if development => Format::Text,
                "" | "json" => Format::Json,
                "text" => Format::Text,
                other => {
                    wrong.say(format!("LOG_FORMAT is {other:?}; it must be text or json"));
                    Format::Text
                }
            },
            request_timeout,
            shutdown_timeout: wrong.seconds("SHUTDOWN_TIMEOUT", &self.shutdown_timeout, 10, 0..=3600),
        };

        if wrong.0.is_empty() { Ok(config) } else { Err(Misconfigured(wrong.0)) }
    }
}

#[derive(Default)]
pub(super) struct Problems(Vec<String>);

impl Problems {
    pub(super) fn say(&mut self, problem: impl Into<String>) {
        self.0.push(problem.into());
    }

    pub(super) fn note<T: Default>(&mut self, name: &str, parsed: Result<T, String>) -> T {
        parsed.unwrap_or_else(|problem| {
            self.say(format!("{name}: {problem}"));
            T::default()
        })
    }

    fn address(&mut self, name: &str, text: &str) -> Option<Address> {
        let text = text.trim();
        if text.is_empty() {
            return None;
        }
        self.note(name, Address::parse(text).map(Some))
    }

    pub(super) fn number(
        &mut self,
        name: &str,
        text: &str,
        default: u64,
        range: std::ops::RangeInclusive<u64>,
    ) -> u64 {
        let text = text.trim();
        if text.is_empty() {
            return default;
        }
        match text.parse() {
            Ok(number) if range.contains(&number) => number,
            _ => {
                self.say(format!(
                    "{name} is {text:?}; it must be a whole number from {} to {}",
                    range.start(),
                    range.end()
                ));
                default
            }
        }
    }

    fn seconds(
        &mut self,
        name: &str,
        text: &str,
        default: u64,
        range: std::ops::RangeInclusive<u64>,
    ) -> Duration {
        Duration::from_secs(self.number(name, text, default, range))
    }

    fn listen(&mut self, host: &str, port: &str) -> SocketAddr {
        let port = self.number("PORT", port, 8000, 0..=65_535) as u16;
        let host = or_default(host, "127.0.0.1").trim_matches(['[', ']']);
        let found = (host, port).to_socket_addrs().ok().and_then(|mut found| found.next());
        found.unwrap_or_else(|| {
            self.say(format!("HOST is {host:?}, which is no address of this machine"));
            SocketAddr::from(([127, 0, 0, 1], port))
        })
    }
}

/// A variable that is set to nothing is as good as one that is not set: compose files and `.env` do that.
pub(super) fn or_default<'a>(text: &'a str, default: &'a str) -> &'a str {
    let text = text.trim();
    if text.is_empty() { default } else { text }
}

pub(super) fn list(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|entry| !entry.is_empty()).map(str::to_owned).collect()
}
