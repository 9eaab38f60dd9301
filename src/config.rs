//! Every setting once: flag, variable, default and help text.

mod token_rules;
mod understand;

use std::net::SocketAddr;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::auth::TokenRules;
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
    /// Say who can see what, what differs from this release, and what happens when somebody tries; exit code 0 or 1
    Audit,
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
    /// The Better Auth server that signs tokens with a key pair: its keys, issuer and audience follow from this
    #[arg(long, env, global = true, value_name = "URL", default_value = "")]
    better_auth_url: String,
    /// A set of public keys that tokens are signed with
    #[arg(long, env, global = true, hide_env_values = true, value_name = "URL", default_value = "")]
    jwks_url: String,
    /// The same, in a file; read again when it changes
    #[arg(long, env, global = true, value_name = "PATH", default_value = "")]
    jwks_file: String,
    /// Issuers to accept, comma-separated [default: BETTER_AUTH_URL's for its keys, else any]
    #[arg(long, env, global = true, value_name = "LIST", default_value = "")]
    jwt_issuer: String,
    /// Audiences to accept, comma-separated [default: BETTER_AUTH_URL's for its keys, else any]
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
    /// Which keys verify tokens, and what tokens must claim. Has no key if none is configured.
    pub token_rules: TokenRules,
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
