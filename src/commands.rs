//! The commands of the program: one module for each, and the code that they share.

mod adopt;
mod audit;
mod healthcheck;
mod migrate;
mod open_files;
mod openapi;
mod serve;
mod signals;
mod token;
mod welcome;

use std::time::Duration;

use tokio::runtime::Runtime;

use crate::adopt::Table;
use crate::auth::SourceKeys;
use crate::config::{Cli, Command, Config};
use crate::database::Address;
use crate::development::{self, CLUSTER_START_TIMEOUT, Cluster};
use crate::logging;
use crate::schema::{MigrateOptions, RepairObjects, SchemaError};
use signals::{log_stop_signal, stop_signal};

/// Why a command did not do its work. The text is printed for people.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A failure with a status of its own. Every other one ends the program with status 1.
#[derive(Debug)]
pub struct ExitStatus {
    /// The exit status of the program.
    pub status: u8,
    /// Empty if the log has said it.
    text: String,
}

impl std::fmt::Display for ExitStatus {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.text)
    }
}

impl std::error::Error for ExitStatus {}

/// Runs the command that the program was started with.
///
/// # Errors
/// One error with everything that is wrong.
pub fn run() -> Result<(), Failure> {
    let cli = Cli::read()?;
    let command = cli.command.unwrap_or(Command::Serve);
    let parsed = cli.settings.parse(&command).map_err(Failure::from);
    let is_audit = matches!(command, Command::Audit { .. });
    // Status 1 says that the database has failed the audit, so that it is no status for anything else.
    let mut config = if is_audit { parsed.map_err(audit::not_audited) } else { parsed }?;
    let log = logging::start(&config.log_filter, config.log_format)?;
    for warning in &config.warnings {
        tracing::warn!(rowkeep.advice = warning, "a setting needs attention");
    }
    warn_of_plain_connections(&config);

    let runtime = Runtime::new()?;
    runtime.spawn(log.clone().report_dropped());
    // Blocking work cannot be cancelled, for example the resolution of a host name. The exit waits for it this long at most.
    let mut exit_timeout = config.shutdown_timeout;
    let is_server = command == Command::Serve;
    // What reads JSON expects it in the last line, too. Other commands are for people.
    let is_logged = is_server && config.log_format == logging::Format::Json;
    let outcome = match command {
        Command::Serve => runtime.block_on(serve::serve(&mut config, log.clone(), &mut exit_timeout)),
        Command::Migrate { reapply_policies, allow_older_policies, repair, lock_timeout } => {
            let lock_wait = Duration::from_secs(lock_timeout.into());
            let repair = repair.then_some(crate::audit::repair_objects as RepairObjects);
            let options = MigrateOptions { reapply_policies, allow_older_policies, repair, lock_wait };
            runtime.block_on(migrate::migrate(&config, options, &mut exit_timeout))
        }
        Command::Audit { format, fail_on } => runtime
            .block_on(audit::audit(&config, format, fail_on, &mut exit_timeout))
            .map_err(audit::not_audited),
        Command::Adopt { table, user_column, completed_column, dry_run, all_problems } => {
            let table = Table { name: table, user_column, completed_column };
            let request = adopt::Request { table, dry_run, all_problems };
            runtime.block_on(adopt::adopt(&config, &request, &mut exit_timeout))
        }
        Command::Token { user, lifetime } => token::print(&mut config, &user, lifetime),
        Command::Openapi => openapi::print(&config),
        Command::Healthcheck => {
            runtime.block_on(healthcheck::check(config.listen, 3 * config.timeouts.request))
        }
    };
    runtime.shutdown_timeout(exit_timeout);
    log.end(|| match &outcome {
        Ok(()) if is_server => tracing::info!("stopped"),
        Err(error) if is_logged => {
            tracing::error!(error.message = in_one_line(error), "the server ended with an error");
        }
        _ => {}
    });
    match outcome {
        Err(_) if is_logged => Err(Box::new(ExitStatus { status: 1, text: String::new() })),
        outcome => outcome,
    }
}

/// The text of an error for a line of the log.
fn in_one_line(error: &Failure) -> String {
    error.downcast_ref().map_or_else(|| error.to_string(), SchemaError::without_statements)
}

/// Logs which databases are reached without TLS over a network.
fn warn_of_plain_connections(config: &Config) {
    let addresses = [&config.database, &config.migration_database, &config.source_database];
    for address in addresses.into_iter().flatten().chain(&config.replication.replicas) {
        if address.is_plain_on_the_network() {
            tracing::warn!(
                rowkeep.database = %address,
                "sslmode=disable: the password and all tasks cross the network in clear text"
            );
        }
    }
}

/// The configured database, or else the development cluster's. The cluster runs until it is dropped, which blocks.
async fn database(config: &Config) -> Result<(Option<Cluster>, Address), Failure> {
    if let Some(address) = &config.database {
        return Ok((None, address.clone()));
    }
    let cluster = tokio::task::spawn_blocking(Cluster::for_checkout).await??;
    let address = cluster.database().await?;
    Ok((Some(cluster), address))
}

/// Stops a development cluster.
async fn stop(cluster: Option<Cluster>) -> Result<(), Failure> {
    Ok(tokio::task::spawn_blocking(move || drop(cluster)).await?)
}

/// Adds the checkout's secret in development, where no key of any kind is configured. Returns whether it did.
fn add_development_secret(config: &mut Config) -> Result<bool, Failure> {
    for source in &mut config.token_rules.sources {
        match &mut source.keys {
            SourceKeys::Secrets(secrets) if config.development && secrets.is_empty() => {
                secrets.push(development::secret()?.into());
                return Ok(true);
            }
            _ => {}
        }
    }
    Ok(false)
}

/// The result of `work`, or the error `stopped` when a stop signal comes first. Postgres then rolls back what is not
/// committed.
async fn unless_stopped<T>(
    work: impl Future<Output = Result<T, Failure>>,
    exit_timeout: &mut Duration,
    stopped: &str,
) -> Result<T, Failure> {
    let stop = stop_signal()?;
    tokio::select! {
        result = work => result,
        () = stop => {
            log_stop_signal();
            // A development database that is starting cannot be interrupted. It is stopped after its start.
            *exit_timeout = CLUSTER_START_TIMEOUT;
            Err(stopped.into())
        }
    }
}
