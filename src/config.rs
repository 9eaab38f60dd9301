//! The settings: each has its flag, variable, default and help text here, and nowhere else.

mod addresses;
mod command_line;
mod dotenv;
mod files;
mod key_urls;
mod listen;
mod parse;
mod per_source;
mod token_rules;
mod token_sources;
mod trace_settings;
mod warnings;

use std::net::SocketAddr;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::audit::Format as ReportFormat;
use crate::auth::TokenRules;
use crate::database::Address;
use crate::development::token::DEFAULT_LIFETIME;
use crate::http::{Envelopes, Origins, Timeouts, TrustedProxies};
use crate::logging::{Filter, Format};
use crate::session::{Options, Replication};
use crate::traces;
use crate::version::VERSION;
use trace_settings::TraceSettings;

/// The value of each setting that is missing or empty. Durations are in seconds.
pub(crate) mod default {
    pub(super) const HOST: &str = "127.0.0.1";
    pub(super) const PORT: u64 = 8000;
    pub(super) const DATABASE_POOL_SIZE: u64 = 8;
    pub(super) const DATABASE_POOL_MIN_IDLE: u64 = 1;
    pub(super) const DATABASE_MAX_LIFETIME: u64 = 30 * 60;
    pub(super) const DATABASE_REPLICA_MAX_LAG_MS: u64 = 1000;
    pub(crate) const JWT_USER_CLAIM: &str = "sub";
    pub(crate) const JWT_MAX_LIFETIME: u64 = 366 * 24 * 60 * 60;
    /// Requests per second and user, outside development. In development there is no limit.
    pub(super) const RATE_LIMIT: u64 = 100;
    /// Outside development. In development every port of this machine is listed.
    pub(super) const CORS_ORIGINS: &str = "http://localhost:3000";
    pub(super) const LOG_LEVEL: &str = "info";
    /// 0: no request counts as slow.
    pub(super) const SLOW_REQUEST_MS: u64 = 0;
    pub(super) const REQUEST_TIMEOUT: u64 = 10;
    pub(super) const KEEP_ALIVE_TIMEOUT: u64 = 75;
    pub(super) const SHUTDOWN_DELAY: u64 = 0;
    pub(super) const SHUTDOWN_TIMEOUT: u64 = 10;
}

/// A task backend whose privacy is enforced by Postgres row-level security.
///
/// With nothing configured it runs a private PostgreSQL for development, and prints how to try it.
#[derive(Parser)]
#[command(version = VERSION)]
pub struct Cli {
    /// The command to run [default: serve]
    #[command(subcommand)]
    pub command: Option<Command>,

    #[command(flatten)]
    pub settings: Settings,
}

#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// Answer requests (the default)
    Serve,
    /// Bring the database to this release: roles, migrations, policies
    Migrate {
        /// Apply the policies even if the database has those of this release already
        #[arg(long)]
        reapply_policies: bool,
        /// Apply the policies even if those of a newer release are in force
        #[arg(long)]
        allow_older_policies: bool,
        /// Bring a restored or damaged database back to what this release declares: make lost objects again, set the sequences
        /// of ids behind the ids that are there, and apply the policies
        #[arg(long)]
        repair: bool,
        /// How many seconds to wait for another process that changes the same database
        #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u32).range(..=86_400))]
        lock_timeout: u32,
    },
    /// Report who can see which rows and how the database differs from this release, and try to read and change the rows
    /// of another user. Exit code 0: no FAIL; 1: a FAIL; 2: not audited (the database cannot be reached, or a setting is
    /// wrong); 3: no FAIL, but this login could not try it
    Audit {
        /// How to print the report
        #[arg(long, value_enum, default_value_t = ReportFormat::Text)]
        format: ReportFormat,
        /// The mildest verdict that counts as a failure
        #[arg(long, value_enum, default_value_t = FailOn::Fail)]
        fail_on: FailOn,
    },
    /// Copy the tasks of another server's table into Rowkeep, with their ids, users and time stamps: all of them or none. The
    /// table is in the database of SOURCE_DATABASE_URL. Shows what it will do first. Stop the servers before. Exit code 1 if a
    /// row cannot be copied
    Adopt {
        /// The table or view with the tasks, as psql takes its name: public.tasks, 'public."Tasks"'
        #[arg(long, value_name = "NAME")]
        table: String,
        /// The column with the user's id: a text, an integer or a UUID
        #[arg(long, value_name = "NAME", default_value = "user_id")]
        user_column: String,
        /// The column that says whether a task is completed
        #[arg(long, value_name = "NAME", default_value = "completed")]
        completed_column: String,
        /// Only show what would be done, and change nothing
        #[arg(long)]
        dry_run: bool,
        /// Show every row that cannot be copied, not only the first 20
        #[arg(long)]
        all_problems: bool,
    },
    /// Print a token for development, signed with the configured secret
    Token {
        /// The id of the user that the token names
        #[arg(long, value_name = "ID")]
        user: String,
        /// Seconds until the token expires
        #[arg(long, value_name = "SECONDS", default_value_t = DEFAULT_LIFETIME)]
        lifetime: u64,
    },
    /// Print the OpenAPI document of the server with these settings
    Openapi,
    /// Ask a running server whether it is healthy. Exit code 0 if it is, else 1
    Healthcheck,
}

/// The mildest verdict of the audit that counts as a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FailOn {
    /// Each FAIL
    Fail,
    /// Each NOTE, too
    Note,
}

/// The settings before they are parsed. All are texts, so that one error can name everything that is wrong.
///
/// A setting that is hidden (`hide`) can hold a secret: it is a variable and not a flag, and the help lists it apart. There is
/// no `Debug`, which would print the secrets.
#[derive(Args, Clone, Default)]
#[command(next_help_heading = "Settings")]
pub struct Settings {
    /// IP address or name to listen on; 0.0.0.0: every IPv4 address of this machine
    #[arg(long, env, global = true, default_value = default::HOST)]
    host: String,
    /// TCP port to listen on; 0: any free port
    #[arg(long, env, global = true, default_value_t = default::PORT.to_string())]
    port: String,
    /// Address and port of a second listener, for /live, /ready and /metrics: 127.0.0.1:9000; port 0: any free port. Nothing is
    /// measured without it [default: none]
    #[arg(long, env, global = true, value_name = "ADDRESS")]
    #[arg(default_value = "", hide_default_value = true)]
    admin_addr: String,
    /// development, staging or production; development makes a database and a secret where none is configured, and
    /// migrates the database at start [default without DATABASE_URL: development; with it, this must be set]
    #[arg(long, env, global = true)]
    #[arg(default_value = "", hide_default_value = true)]
    environment: String,

    /// Database and login that requests use: postgres://user:password@host/database [default in development: a private
    /// PostgreSQL]
    #[arg(long, env, global = true, hide = true, value_name = "URL")]
    #[arg(default_value = "", hide_default_value = true)]
    database_url: String,
    /// File with DATABASE_URL; its user and password are read again for each new connection [default: none]
    #[arg(long, env, global = true, value_name = "PATH")]
    #[arg(default_value = "", hide_default_value = true)]
    database_url_file: String,
    /// File with the password of DATABASE_URL, which is read again for each new connection [default: none]
    #[arg(long, env, global = true, value_name = "PATH")]
    #[arg(default_value = "", hide_default_value = true)]
    database_password_file: String,
    /// Standbys of that database for reads and lists, one or several with `;` between: postgres://user:password@host/database
    /// [default: none, all reads go to DATABASE_URL]
    #[arg(long, env, global = true, hide = true, value_name = "URL")]
    #[arg(default_value = "", hide_default_value = true)]
    database_replica_url: String,
    /// File with DATABASE_REPLICA_URL, a line for each; users and passwords are read again for each new connection
    /// [default: none]
    #[arg(long, env, global = true, value_name = "PATH")]
    #[arg(default_value = "", hide_default_value = true)]
    database_replica_url_file: String,
    /// Milliseconds that a replica may lag behind: one that lags more is left out until it has caught up
    #[arg(long, env, global = true, value_name = "MILLISECONDS")]
    #[arg(default_value_t = default::DATABASE_REPLICA_MAX_LAG_MS.to_string())]
    database_replica_max_lag_ms: String,
    /// Database and login that `migrate` and `adopt` use [default: DATABASE_URL]
    #[arg(long, env, global = true, hide = true, value_name = "URL")]
    #[arg(default_value = "", hide_default_value = true)]
    migration_database_url: String,
    /// File with MIGRATION_DATABASE_URL [default: none]
    #[arg(long, env, global = true, value_name = "PATH")]
    #[arg(default_value = "", hide_default_value = true)]
    migration_database_url_file: String,
    /// Database that `adopt` copies from, and a login that sees every row of the table: postgres://user:password@host/database
    #[arg(long, alias = "from", env, global = true, hide = true, value_name = "URL")]
    #[arg(default_value = "", hide_default_value = true)]
    source_database_url: String,
    /// File with SOURCE_DATABASE_URL [default: none]
    #[arg(long, env, global = true, value_name = "PATH")]
    #[arg(default_value = "", hide_default_value = true)]
    source_database_url_file: String,
    /// File with the root certificates (PEM) that databases must have, in the place of the public ones; `system`: those of
    /// this machine [default: the public ones]
    #[arg(long, env, global = true, value_name = "PATH")]
    #[arg(default_value = "", hide_default_value = true)]
    database_ca_file: String,
    /// `sslmode` of addresses that have none, as for libpq [default: require; in development prefer; none on this machine]
    #[arg(long, env, global = true, value_name = "MODE")]
    #[arg(default_value = "", hide_default_value = true)]
    pgsslmode: String,
    /// The same as DATABASE_CA_FILE, under the name that libpq has for it [default: none]
    #[arg(long, env, global = true, value_name = "PATH")]
    #[arg(default_value = "", hide_default_value = true)]
    pgsslrootcert: String,
    /// Largest number of database connections, 2 or more; one of them is for /health
    #[arg(long, env, global = true, value_name = "N", default_value_t = default::DATABASE_POOL_SIZE.to_string())]
    database_pool_size: String,
    /// Number of database connections that stay open while nothing uses them
    #[arg(long, env, global = true, value_name = "N", default_value_t = default::DATABASE_POOL_MIN_IDLE.to_string())]
    database_pool_min_idle: String,
    /// prepared or unnamed: how statements are sent; unnamed works behind every connection pooler [default: prepared, unless
    /// a pooler is found]
    #[arg(long, env, global = true, value_name = "MODE")]
    #[arg(default_value = "", hide_default_value = true)]
    database_statements: String,
    /// Seconds after which a database connection is replaced by a new one
    #[arg(long, env, global = true, value_name = "SECONDS", default_value_t = default::DATABASE_MAX_LIFETIME.to_string())]
    database_max_lifetime: String,

    /// Secret that tokens are signed with (HS256); outside development 32 bytes or more [default in development: made once
    /// and kept]
    #[arg(long, env, global = true, hide = true, value_name = "TEXT")]
    #[arg(default_value = "", hide_default_value = true)]
    better_auth_secret: String,
    /// File with BETTER_AUTH_SECRET [default: none]
    #[arg(long, env, global = true, value_name = "PATH")]
    #[arg(default_value = "", hide_default_value = true)]
    better_auth_secret_file: String,
    /// The secret before that one: tokens signed with it are accepted as well [default: none]
    #[arg(long, env, global = true, hide = true, value_name = "TEXT")]
    #[arg(default_value = "", hide_default_value = true)]
    better_auth_secret_previous: String,
    /// File with BETTER_AUTH_SECRET_PREVIOUS [default: none]
    #[arg(long, env, global = true, value_name = "PATH")]
    #[arg(default_value = "", hide_default_value = true)]
    better_auth_secret_previous_file: String,
    /// URL of the Better Auth server that signs tokens with a key pair; gives JWKS URL, issuer and audience
    /// [default: none]
    #[arg(long, env, global = true, value_name = "URL")]
    #[arg(default_value = "", hide_default_value = true)]
    better_auth_url: String,
    /// URL of a key set (JWKS): the public keys that verify tokens [default: none]
    #[arg(long, env, global = true, hide = true, value_name = "URL")]
    #[arg(default_value = "", hide_default_value = true)]
    jwks_url: String,
    /// File with a key set (JWKS), which is read again when it changes [default: none]
    #[arg(long, env, global = true, value_name = "PATH")]
    #[arg(default_value = "", hide_default_value = true)]
    jwks_file: String,
    /// true: read keys over http from other machines, outside development; for a private network
    #[arg(long, env, global = true, value_name = "BOOL", default_value = "false")]
    jwks_allow_http: String,
    /// Issuers (`iss`) to accept, comma-separated; for each source: BETTER_AUTH_URL=a,b; JWKS_URL=c [default:
    /// BETTER_AUTH_URL's for its keys, any for others; outside development required for JWKS_URL and JWKS_FILE]
    #[arg(long, env, global = true, value_name = "LIST")]
    #[arg(default_value = "", hide_default_value = true)]
    jwt_issuer: String,
    /// Audiences (`aud`) to accept, comma-separated, or any; for each source: BETTER_AUTH_URL=a,b; JWKS_URL=any [default:
    /// BETTER_AUTH_URL's for its keys, any for others; outside development required for JWKS_URL and JWKS_FILE]
    #[arg(long, env, global = true, value_name = "LIST")]
    #[arg(default_value = "", hide_default_value = true)]
    jwt_audience: String,
    /// true: the same user id is the same person in every source of tokens and in every issuer; required outside development
    /// if there are several
    #[arg(long, env, global = true, value_name = "BOOL", default_value = "false")]
    jwt_issuers_share_users: String,
    /// Claim that holds the user's id
    #[arg(long, env, global = true, value_name = "CLAIM", default_value = default::JWT_USER_CLAIM)]
    jwt_user_claim: String,
    /// Seconds from now that a token's expiry (`exp`) may lie ahead; the default is 366 days
    #[arg(long, env, global = true, value_name = "SECONDS", default_value_t = default::JWT_MAX_LIFETIME.to_string())]
    jwt_max_lifetime: String,
    /// Refuse tokens that were issued (`iat`) before this moment, as after a leak: 2026-01-10T09:30:00Z, or seconds since
    /// 1970. Tokens then need `iat` [default: none]
    #[arg(long, env, global = true, value_name = "MOMENT")]
    #[arg(default_value = "", hide_default_value = true)]
    jwt_not_before: String,

    /// Origins whose pages may read answers (CORS), comma-separated [default: http://localhost:3000; in development any port
    /// of localhost, 127.0.0.1 and [::1]]
    #[arg(long, env, global = true, value_name = "LIST")]
    #[arg(default_value = "", hide_default_value = true)]
    cors_origins: String,
    /// Contracts whose lists are objects, and the names of the members: user_tasks=tasks,count; tasks=items,total;
    /// v1_tasks=items,total,limit,offset [default: lists are arrays]
    #[arg(long, env, global = true, value_name = "LIST")]
    #[arg(default_value = "", hide_default_value = true)]
    list_envelope: String,
    /// Requests per second that each user may send, with bursts of twice as many; as many failed sign-ins per client
    /// address; 0: no limit [default: 0 in development, else 100]
    #[arg(long, env, global = true, value_name = "N")]
    #[arg(default_value = "", hide_default_value = true)]
    rate_limit: String,
    /// Networks of the proxies that may say the client's address (X-Forwarded-For, Forwarded), comma-separated:
    /// 10.0.0.0/8,::1 [default: none]
    #[arg(long, env, global = true, value_name = "LIST")]
    #[arg(default_value = "", hide_default_value = true)]
    trusted_proxies: String,

    /// off, error, warn, info, debug or trace, or a comma-separated filter such as warn,rowkeep=debug
    #[arg(long, env, global = true, value_name = "LEVEL", default_value = default::LOG_LEVEL)]
    log_level: String,
    /// text or json [default: text in development, else json]
    #[arg(long, env, global = true)]
    #[arg(default_value = "", hide_default_value = true)]
    log_format: String,
    /// Milliseconds from which on a request has a line in the log with the time of each of its parts; 0: none has
    #[arg(long, env, global = true, value_name = "MILLISECONDS", default_value_t = default::SLOW_REQUEST_MS.to_string())]
    slow_request_ms: String,

    /// Seconds that a client has to send the head of a request, and again to send its body; a third of it is the limit of
    /// each wait for the database
    #[arg(long, env, global = true, value_name = "SECONDS", default_value_t = default::REQUEST_TIMEOUT.to_string())]
    request_timeout: String,
    /// Seconds that an idle connection of a client stays open; more than a proxy or balancer in front keeps one
    #[arg(long, env, global = true, value_name = "SECONDS", default_value_t = default::KEEP_ALIVE_TIMEOUT.to_string())]
    keep_alive_timeout: String,
    /// Seconds between a stop signal and the stop: everything is served, but /health says 503 and answers say Connection:
    /// close, so that balancers go elsewhere
    #[arg(long, env, global = true, value_name = "SECONDS", default_value_t = default::SHUTDOWN_DELAY.to_string())]
    shutdown_delay: String,
    /// Seconds that requests have to finish after a stop signal and the delay
    #[arg(long, env, global = true, value_name = "SECONDS", default_value_t = default::SHUTDOWN_TIMEOUT.to_string())]
    shutdown_timeout: String,

    #[command(flatten)]
    traces: TraceSettings,
}

/// The parsed settings.
#[derive(Clone, Debug)]
pub struct Config {
    pub listen: SocketAddr,
    /// Where metrics and health are for operators; none: nowhere.
    pub admin: Option<SocketAddr>,
    /// Whether this is a developer's machine: a database and a secret are made where none is configured.
    pub development: bool,
    /// Database and login of requests; none: the development cluster's.
    pub database: Option<Address>,
    /// The standbys that serve reads.
    pub replication: Replication,
    /// Database and login of migrations; none: those of requests.
    pub migration_database: Option<Address>,
    /// The database that `rowkeep adopt` copies from.
    pub source_database: Option<Address>,
    pub session: Options,
    /// Which keys verify tokens, and what tokens must claim. Has no key if none is configured.
    pub token_rules: TokenRules,
    pub origins: Origins,
    pub envelopes: Envelopes,
    /// Requests per second and user; 0: no limit.
    pub rate_limit: u32,
    pub trusted_proxies: TrustedProxies,
    pub log_filter: Filter,
    pub log_format: Format,
    /// From which time on a request has a line in the log about its parts; none: never.
    pub slow_request: Option<Duration>,
    /// Where spans go; none: nowhere, and none are made.
    pub traces: Option<traces::Settings>,
    /// Limits of clients.
    pub timeouts: Timeouts,
    /// How long everything is still served after a stop signal.
    pub shutdown_delay: Duration,
    pub shutdown_timeout: Duration,
    /// What is probably wrong with the settings, and does not stop the start. Repeats no secret.
    pub warnings: Vec<String>,
}

/// Everything that is wrong with the settings, a line each.
#[derive(Debug, PartialEq, Eq)]
pub struct ConfigError(pub Vec<String>);

impl std::fmt::Display for ConfigError {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "cannot start with these settings:")?;
        self.0.iter().try_for_each(|problem| write!(out, "\n  {problem}"))
    }
}

impl std::error::Error for ConfigError {}
