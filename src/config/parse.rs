//! From the texts of the settings to a [`Config`].

use std::net::{SocketAddr, ToSocketAddrs};
use std::ops::RangeInclusive;
use std::time::Duration;

use super::{Config, ConfigError, Settings, default};
use crate::http::{Origins, Timeouts};
use crate::logging::{Filter, Format};
use crate::session::{Options, StatementMode};

impl Settings {
    /// Whether `ENVIRONMENT` says development. Needed before the other settings are parsed: it decides whether `.env` is
    /// read.
    pub fn in_development(&self) -> bool {
        or_default(&self.environment, default::ENVIRONMENT) == "development"
    }

    /// The settings as values.
    ///
    /// # Errors
    /// Every setting that is missing or wrong, at once.
    pub fn parse(&self) -> Result<Config, ConfigError> {
        let mut problems = Problems::default();
        self.with_files(&mut problems).parse_texts(problems)
    }

    fn parse_texts(&self, mut problems: Problems) -> Result<Config, ConfigError> {
        let development = match or_default(&self.environment, default::ENVIRONMENT) {
            "development" => true,
            "staging" | "production" => false,
            other => {
                problems
                    .add(format!("ENVIRONMENT is {other:?}; it must be development, staging or production"));
                true
            }
        };

        let (database, migration_database) = self.addresses(&mut problems, development);
        if !development && self.database_url.trim().is_empty() && self.database_url_file.trim().is_empty() {
            problems.add("DATABASE_URL is missing; set it to postgres://user:password@host/database");
        }

        let pool_size = problems.number(
            "DATABASE_POOL_SIZE",
            &self.database_pool_size,
            default::DATABASE_POOL_SIZE,
            2..=1000,
        );
        let min_idle = problems.number(
            "DATABASE_POOL_MIN_IDLE",
            &self.database_pool_min_idle,
            default::DATABASE_POOL_MIN_IDLE,
            0..=1000,
        );
        let max_lifetime = problems.seconds(
            "DATABASE_MAX_LIFETIME",
            &self.database_max_lifetime,
            default::DATABASE_MAX_LIFETIME,
            1..=86_400,
        );
        let request_timeout =
            problems.seconds("REQUEST_TIMEOUT", &self.request_timeout, default::REQUEST_TIMEOUT, 1..=3600);
        // A request waits for a permit, for a connection and for its statement: three waits make up the whole limit.
        let step_timeout = request_timeout / 3;

        let config = Config {
            listen: problems.listen(&self.host, &self.port),
            development,
            database,
            migration_database,
            session: Options {
                pool_size: pool_size as u32,
                // A minimum above the pool's size means: keep them all.
                min_idle: min_idle.min(pool_size) as u32,
                max_lifetime,
                step_timeout,
                statement_mode: match self.database_statements.trim().to_ascii_lowercase().as_str() {
                    "" => None,
                    "prepared" => Some(StatementMode::Prepared),
                    "unnamed" => Some(StatementMode::Unnamed),
                    other => {
                        problems
                            .add(format!("DATABASE_STATEMENTS is {other:?}; it must be prepared or unnamed"));
                        None
                    }
                },
            },
            token_rules: self.token_rules(&mut problems, development, step_timeout),
            origins: problems
                .value("CORS_ORIGINS", Origins::parse(or_default(&self.cors_origins, default::CORS_ORIGINS))),
            log_filter: problems
                .value("LOG_LEVEL", Filter::parse(or_default(&self.log_level, default::LOG_LEVEL))),
            log_format: match self.log_format.trim().to_ascii_lowercase().as_str() {
                "" if development => Format::Text,
                "" | "json" => Format::Json,
                "text" => Format::Text,
                other => {
                    problems.add(format!("LOG_FORMAT is {other:?}; it must be text or json"));
                    Format::Text
                }
            },
            timeouts: Timeouts {
                request: request_timeout,
                keep_alive: problems.seconds(
                    "KEEP_ALIVE_TIMEOUT",
                    &self.keep_alive_timeout,
                    default::KEEP_ALIVE_TIMEOUT,
                    1..=3600,
                ),
            },
            shutdown_delay: problems.seconds(
                "SHUTDOWN_DELAY",
                &self.shutdown_delay,
                default::SHUTDOWN_DELAY,
                0..=3600,
            ),
            shutdown_timeout: problems.seconds(
                "SHUTDOWN_TIMEOUT",
                &self.shutdown_timeout,
                default::SHUTDOWN_TIMEOUT,
                0..=3600,
            ),
        };

        if problems.0.is_empty() { Ok(config) } else { Err(ConfigError(problems.0)) }
    }
}

/// What is wrong with the settings so far. Its methods return some value where a setting is wrong, so that parsing goes on
/// and finds the other problems.
#[derive(Default)]
pub(super) struct Problems(Vec<String>);

impl Problems {
    pub(super) fn add(&mut self, problem: impl Into<String>) {
        self.0.push(problem.into());
    }

    /// The parsed value of the setting `name`.
    pub(super) fn value<T: Default>(&mut self, name: &str, parsed: Result<T, String>) -> T {
        parsed.unwrap_or_else(|problem| {
            self.add(format!("{name}: {problem}"));
            T::default()
        })
    }

    pub(super) fn number(&mut self, name: &str, text: &str, default: u64, range: RangeInclusive<u64>) -> u64 {
        let text = text.trim();
        if text.is_empty() {
            return default;
        }
        match text.parse() {
            Ok(number) if range.contains(&number) => number,
            _ => {
                self.add(format!(
                    "{name} is {text:?}; it must be a whole number from {} to {}",
                    range.start(),
                    range.end()
                ));
                default
            }
        }
    }

    fn seconds(&mut self, name: &str, text: &str, default: u64, range: RangeInclusive<u64>) -> Duration {
        Duration::from_secs(self.number(name, text, default, range))
    }

    fn listen(&mut self, host: &str, port: &str) -> SocketAddr {
        let port = self.number("PORT", port, default::PORT, 0..=65_535) as u16;
        let host = or_default(host, default::HOST).trim_matches(['[', ']']);
        let found = (host, port).to_socket_addrs().ok().and_then(|mut found| found.next());
        found.unwrap_or_else(|| {
            self.add(format!("HOST is {host:?}; it must be an IP address or a name of this machine"));
            SocketAddr::from(([127, 0, 0, 1], port))
        })
    }
}

/// The trimmed text, or the default where it is empty: compose files and `.env` set variables to nothing to unset them.
pub(super) fn or_default<'a>(text: &'a str, default: &'a str) -> &'a str {
    let text = text.trim();
    if text.is_empty() { default } else { text }
}

/// The entries of a comma-separated list.
pub(super) fn list(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|entry| !entry.is_empty()).map(str::to_owned).collect()
}
