//! Every setting once: flag, variable, default and help text.

use std::net::{SocketAddr, ToSocketAddrs};
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::auth::Demands;
use crate::database::Address;
use crate::http::Origins;
use crate::logging::{Filter, Format};
use crate::session::Options;

/// A task backend whose privacy is enforced by Postgres row-level security.
///
/// With nothing configured it runs a private PostgreSQL for development, and prints how to try it.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Cli {
    /// What to do; `serve` when nothing is said.
    #[command(subcommand)]
    pub command: Option<Command>,

    /// The settings, each a flag or a variable.
    #[command(flatten)]
    pub settings: Settings,
}

/// What `rowkeep` can do.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// Answer requests (the default)
    Serve,
    /// Bring the database to this release: roles, migrations, policies
    Migrate {
        /// Apply the policies even if those of this release were applied last
        #[arg(long)]
        reapply_policies: bool,
    },
    /// Print a token to develop with, signed with the configured secret
    Token {
        /// The user whose token it is
        #[arg(long, value_name = "ID")]
        user: String,
        /// How many seconds it is valid
        #[arg(long, default_value_t = 86_400)]
        lifetime: u64,
    },
    /// Ask a running server whether it is healthy: exit code 0 or 1
    Healthcheck,
}

/// The settings as they were given. Texts, so that everything that is wrong can be named at once.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Settings")]
pub struct Settings {
    /// Address to listen on
    #[arg(long, env, global = true, default_value = "127.0.0.1")]
    host: String,
    /// Port to listen on; 0: any that is free
    #[arg(long, env, global = true, default_value = "8000")]
    port: String,
    /// development, staging or production
    #[arg(long, env, global = true, default_value = "development")]
    environment: String,

    /// Where requests are served from: postgres://user:password@host/database [development: a private PostgreSQL]
    #[arg(long, env, global = true, hide_env_values = true, value_name = "URL", default_value = "")]
    database_url: String,
    /// The login that migrates [default: DATABASE_URL]
    #[arg(long, env, global = true, hide_env_values = true, value_name = "URL", default_value = "")]
    migration_database_url: String,
    /// Connections at most
    #[arg(long, env, global = true, value_name = "N", default_value = "8")]
    database_pool_size: String,
    /// Connections that are kept when nobody needs them
    #[arg(long, env, global = true, value_name = "N", default_value = "1")]
    database_pool_min_idle: String,
    /// Seconds after which a connection is replaced
    #[arg(long, env, global = true, value_name = "SECONDS", default_value = "1800")]
    database_max_lifetime: String,

    /// The secret that tokens are signed with, HS256 [development: made once and kept]
    #[arg(long, env, global = true, hide_env_values = true, value_name = "TEXT", default_value = "")]
    better_auth_secret: String,
    /// The secret before it, while tokens signed with it are still about
    #[arg(long, env, global = true, hide_env_values = true, value_name = "TEXT", default_value = "")]
    better_auth_secret_previous: String,
    /// Issuers to accept, comma-separated [default: any]
    #[arg(long, env, global = true, value_name = "LIST", default_value = "")]
    jwt_issuer: String,
    /// Audiences to accept, comma-separated [default: any]
    #[arg(long, env, global = true, value_name = "LIST", default_value = "")]
    jwt_audience: String,
    /// The claim that names the user
    #[arg(long, env, global = true, value_name = "CLAIM", default_value = "sub")]
    jwt_user_claim: String,
    /// Seconds that a token's expiry may be away
    #[arg(long, env, global = true, value_name = "SECONDS", default_value = "31622400")]
    jwt_max_lifetime: String,

    /// Origins whose pages may read answers, comma-separated
    #[arg(long, env, global = true, value_name = "LIST", default_value = "http://localhost:3000")]
    cors_origins: String,

    /// off, error, warn, info, debug or trace, or a filter such as rowkeep=debug
    #[arg(long, env, global = true, value_name = "LEVEL", default_value = "info")]
    log_level: String,
    /// text or json [default: text in development, else json]
    #[arg(long, env, global = true, default_value = "")]
    log_format: String,

    /// Seconds that a request's head or body may take to arrive, and the database to answer
    #[arg(long, env, global = true, value_name = "SECONDS", default_value = "10")]
    request_timeout: String,
    /// Seconds to finish what is under way when told to stop
    #[arg(long, env, global = true, value_name = "SECONDS", default_value = "10")]
    shutdown_timeout: String,
}

/// The settings, understood.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Whether this is a developer's machine, where what is not configured is made.
    pub development: bool,
    /// Where requests are served from; none: the development database.
    pub database: Option<Address>,
    /// Where migrations are applied; none: where requests are served from.
    pub migration_database: Option<Address>,
    /// The pool.
    pub session: Options,
    /// What a token must say. Without a secret where none is configured.
    pub demands: Demands,
    /// Whose pages may read answers.
    pub origins: Origins,
    /// What is logged.
    pub log_filter: Filter,
    /// How it is logged.
    pub log_format: Format,
    /// How long a request's head or body may take.
    pub request_timeout: Duration,
    /// How long a stop may take.
    pub shutdown_timeout: Duration,
}

/// Everything that is wrong with the settings, a line each.
#[derive(Debug, PartialEq, Eq)]
pub struct Misconfigured(pub Vec<String>);

impl std::fmt::Display for Misconfigured {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "cannot start with these settings:")?;
        self.0.iter().try_for_each(|problem| write!(out, "\n  {problem}"))
    }
}

impl std::error::Error for Misconfigured {}

/// Texts that stand in examples, in lower case. Whoever knows the secret is whoever they want to be.
const PLACEHOLDERS: [&str; 9] = [
    "better-auth-secret",
    "change-me",
    "change_me",
    "changeme",
    "your-secret",
    "your_secret",
    "replace-me",
    "placeholder",
    "example",
];

/// What a secret for HS256 must have at least, in bytes (RFC 7518, section 3.2).
const SHORTEST_SECRET: usize = 32;

impl Settings {
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

        let secrets: Vec<String> = [&self.better_auth_secret, &self.better_auth_secret_previous]
            .into_iter()
            .filter(|secret| !secret.is_empty())
            .cloned()
            .collect();
        if !development {
            self.refuse_weak_secrets(&mut wrong);
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
                patience: request_timeout / 2,
            },
            demands: Demands {
                secrets,
                issuers: list(&self.jwt_issuer),
                audiences: list(&self.jwt_audience),
                user_claim: or_default(&self.jwt_user_claim, "sub").to_owned(),
                max_lifetime: wrong.number(
                    "JWT_MAX_LIFETIME",
                    &self.jwt_max_lifetime,
                    31_622_400,
                    1..=u64::from(u32::MAX),
                ),
            },
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

    fn refuse_weak_secrets(&self, wrong: &mut Problems) {
        if self.better_auth_secret.is_empty() {
            wrong.say("BETTER_AUTH_SECRET is missing: no token could be verified");
        }
        let secrets = [
            ("BETTER_AUTH_SECRET", &self.better_auth_secret),
            ("BETTER_AUTH_SECRET_PREVIOUS", &self.better_auth_secret_previous),
        ];
        for (name, secret) in secrets.into_iter().filter(|(_, secret)| !secret.is_empty()) {
            let lower = secret.to_lowercase();
            if secret.len() < SHORTEST_SECRET {
                wrong.say(format!(
                    "{name} has {} bytes; it must have {SHORTEST_SECRET} or more: openssl rand -base64 32",
                    secret.len()
                ));
            } else if PLACEHOLDERS.iter().any(|known| lower.contains(known)) {
                wrong.say(format!(
                    "{name} is a placeholder that others know, too: make one: openssl rand -base64 32"
                ));
            }
        }
    }
}

#[derive(Default)]
struct Problems(Vec<String>);

impl Problems {
    fn say(&mut self, problem: impl Into<String>) {
        self.0.push(problem.into());
    }

    fn note<T: Default>(&mut self, name: &str, parsed: Result<T, String>) -> T {
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

    fn number(&mut self, name: &str, text: &str, default: u64, range: std::ops::RangeInclusive<u64>) -> u64 {
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
fn or_default<'a>(text: &'a str, default: &'a str) -> &'a str {
    let text = text.trim();
    if text.is_empty() { default } else { text }
}

fn list(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|entry| !entry.is_empty()).map(str::to_owned).collect()
}
