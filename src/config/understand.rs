//! From texts to a [`Config`], noting everything that is wrong on the way.

use std::net::{SocketAddr, ToSocketAddrs};
use std::time::Duration;

use super::{Config, Misconfigured, Settings};
use crate::auth::Demands;
use crate::database::Address;
use crate::http::Origins;
use crate::logging::{Filter, Format};
use crate::session::Options;

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
                patience: request_timeout / 3,
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
