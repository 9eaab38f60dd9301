//! From the texts of the settings to a [`Config`].

use std::ops::RangeInclusive;
use std::time::Duration;

use tokio_postgres::config::TargetSessionAttrs;

use super::warnings::warnings;
use super::{Command, Config, ConfigError, Settings, default};
use crate::database::Address;
use crate::http::{Envelopes, Origins, Timeouts, TrustedProxies};
use crate::logging::{Filter, Format};
use crate::session::{Options, StatementMode};

impl Settings {
    /// Whether this is development. Needed before the other settings are parsed: it decides whether `.env` is read.
    pub fn in_development(&self) -> bool {
        match self.environment.trim() {
            "" => self.named_database().is_none(),
            said => said == "development",
        }
    }

    /// The variable that names a database, if one does. Development would migrate that database, so it is not the default
    /// then. The address does not tell whose database it is: loopback can be a tunnel or a proxy.
    fn named_database(&self) -> Option<&'static str> {
        let named = [
            ("DATABASE_URL", &self.database_url),
            ("DATABASE_URL_FILE", &self.database_url_file),
            ("MIGRATION_DATABASE_URL", &self.migration_database_url),
            ("MIGRATION_DATABASE_URL_FILE", &self.migration_database_url_file),
        ];
        named.into_iter().find(|(_, url)| !url.trim().is_empty()).map(|(name, _)| name)
    }

    /// The settings as values, for a command. A command does not miss a setting that it does not use.
    ///
    /// # Errors
    /// Every setting that is missing or wrong, at once.
    pub fn parse(&self, command: &Command) -> Result<Config, ConfigError> {
        let mut problems = Problems::default();
        let development = self.development(&mut problems, command);
        self.used_by(command).with_files(&mut problems).parse_texts(problems, command, development)
    }

    fn development(&self, problems: &mut Problems, command: &Command) -> bool {
        match (self.environment.trim(), self.named_database()) {
            ("development", _) | ("", None) => true,
            // They change nothing and print no token. The database is treated as one that others rely on.
            ("", Some(_))
                if matches!(command, Command::Audit { .. } | Command::Openapi | Command::Healthcheck) =>
            {
                false
            }
            ("staging" | "production", _) => false,
            ("", Some(name)) => {
                problems.add(format!(
                    "ENVIRONMENT is missing, and {name} is set; set it to development, staging or production \
                     (development migrates the database at start, and accepts weak secrets)"
                ));
                true
            }
            (other, _) => {
                problems
                    .add(format!("ENVIRONMENT is {other:?}; it must be development, staging or production"));
                true
            }
        }
    }

    fn parse_texts(
        &self,
        mut problems: Problems,
        command: &Command,
        development: bool,
    ) -> Result<Config, ConfigError> {
        let (database, migration_database) = self.addresses(&mut problems, development);
        let replication = self.replication(&mut problems, development);
        let source_database = match command {
            Command::Adopt { .. } => self.source_address(&mut problems, development),
            _ => None,
        };
        self.require_database(&mut problems, command, development);
        if *command == Command::Serve {
            self.require_primary(&mut problems, database.as_ref());
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

        let token_rules = self.token_rules(&mut problems, command, development, step_timeout);
        let listen = problems.listen(&self.host, &self.port);
        let mut config = Config {
            listen,
            admin: problems.admin(&self.admin_addr, listen),
            development,
            database,
            replication,
            migration_database,
            source_database,
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
            token_rules,
            origins: match self.cors_origins.trim() {
                "" if development => Origins::loopback(),
                list => {
                    problems.value("CORS_ORIGINS", Origins::parse(or_default(list, default::CORS_ORIGINS)))
                }
            },
            envelopes: problems.value("LIST_ENVELOPE", Envelopes::parse(&self.list_envelope)),
            rate_limit: problems.number(
                "RATE_LIMIT",
                &self.rate_limit,
                if development { 0 } else { default::RATE_LIMIT },
                0..=1_000_000,
            ) as u32,
            trusted_proxies: problems
                .value("TRUSTED_PROXIES", TrustedProxies::parse(&list(&self.trusted_proxies))),
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
            slow_request: match problems.number(
                "SLOW_REQUEST_MS",
                &self.slow_request_ms,
                default::SLOW_REQUEST_MS,
                0..=3_600_000,
            ) {
                0 => None,
                limit => Some(Duration::from_millis(limit)),
            },
            traces: self.traces.parse(&mut problems),
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
            // They are about tokens, which only `serve` verifies.
            warnings: if *command == Command::Serve {
                std::mem::take(&mut problems.warnings)
            } else {
                vec![]
            },
        };
        config.warnings.extend(warnings(&config, command));

        if problems.errors.is_empty() { Ok(config) } else { Err(ConfigError(problems.errors)) }
    }

    /// Adds a problem if the command needs the address of a database and has none.
    fn require_database(&self, problems: &mut Problems, command: &Command, development: bool) {
        let has = |url: &str| !url.trim().is_empty();
        let is_missing = !has(&self.database_url) && !has(&self.database_url_file);
        let can_migrate_only = has(&self.migration_database_url) || has(&self.migration_database_url_file);
        match command {
            Command::Token { .. } | Command::Openapi | Command::Healthcheck => {}
            Command::Migrate { .. } | Command::Adopt { .. } if can_migrate_only => {}
            _ if is_missing && !development => {
                problems.add("DATABASE_URL is missing; set it to postgres://user:password@host/database");
            }
            // Requests would go to the private database of development, and migrations to another one.
            _ if is_missing && can_migrate_only => {
                problems.add("DATABASE_URL is missing, and MIGRATION_DATABASE_URL is set; set both or none");
            }
            _ => {}
        }
    }
}

impl Settings {
    /// Adds a problem if there are replicas, and no address of their primary.
    fn require_primary(&self, problems: &mut Problems, database: Option<&Address>) {
        if self.database_replica_url.trim().is_empty() {
            return;
        }
        let has_address = !self.database_url.trim().is_empty() || !self.database_url_file.trim().is_empty();
        if !has_address {
            problems.add(
                "DATABASE_REPLICA_URL is set and DATABASE_URL is not: set it to the primary of the replicas",
            );
        }
        let wants_standby =
            |address: &Address| address.config().get_target_session_attrs() == TargetSessionAttrs::ReadOnly;
        if database.is_some_and(wants_standby) {
            problems.add(
                "DATABASE_REPLICA_URL is set and DATABASE_URL has target_session_attrs=read-only: DATABASE_URL must lead to \
                 the primary",
            );
        }
    }
}

/// What is wrong with the settings so far. Its methods return some value where a setting is wrong, so that parsing goes on
/// and finds the other problems.
#[derive(Default)]
pub(super) struct Problems {
    errors: Vec<String>,
    /// What is unsafe, and tolerated.
    warnings: Vec<String>,
}

impl Problems {
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.errors.is_empty()
    }

    pub(super) fn add(&mut self, problem: impl Into<String>) {
        self.errors.push(problem.into());
    }

    /// Adds something unsafe: as a warning where it is tolerated.
    pub(super) fn add_unless(&mut self, tolerated: bool, problem: impl Into<String>) {
        let list = if tolerated { &mut self.warnings } else { &mut self.errors };
        list.push(problem.into());
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

    pub(super) fn boolean(&mut self, name: &str, text: &str) -> bool {
        match text.trim().to_ascii_lowercase().as_str() {
            "" | "false" => false,
            "true" => true,
            _ => {
                self.add(format!("{name} is {:?}; it must be true or false", text.trim()));
                false
            }
        }
    }

    fn seconds(&mut self, name: &str, text: &str, default: u64, range: RangeInclusive<u64>) -> Duration {
        Duration::from_secs(self.number(name, text, default, range))
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
