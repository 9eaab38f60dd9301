//! Checks that Postgres restricts the transactions of requests, by running one.

mod checks;
mod nodes;

use bb8::RunError;
use futures_util::future::{join4, join5};
use tokio::time::Instant;
use tokio_postgres::config::TargetSessionAttrs;
use tokio_postgres::{Error, Row};

use self::checks::{PROTECTION, USE, fault};
use self::nodes::{Looked, Nodes};
use super::connection::{PooledConnection, Role};
use super::primary_log::Sample;
use super::statements::{
    ASSUME_ROLE, BEGIN_READ, COLLATION_VERSION, COMMIT, IDENTIFY, PROBE, PROBE_NOBODY,
    PROBE_WITHOUT_IDENTITY, WAL_POSITION,
};
use super::transaction::{ask_replayed, begin, omit_syncs, without_sync};
use super::wal::Lineage;
use super::{Session, wal};
use crate::database::{ConnectError, describe, is_temporary};
use crate::time_limit::within;

/// Why requests would not be restricted or could not run, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProbeError {
    /// Postgres answers, and has no place for one more connection or holds a lock on a table. So nothing was looked at.
    Busy,
    /// The database cannot be reached. It may be later.
    Unavailable(String),
    /// The database is a standby. It may be the primary later, or the address may lead to the primary.
    Standby,
    /// The database answers, and cannot run the statements of requests. Somebody must change it.
    Unusable(String),
    /// The database answers, and does not restrict requests. Somebody must change it.
    Unprotected(String),
}

impl std::fmt::Display for ProbeError {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Busy => {
                out.write_str("the database is busy: it has no free connection, or a table is locked")
            }
            Self::Standby => out.write_str(
                "the database is a standby, which cannot change tasks: connect to the primary, or add \
                 target_session_attrs=read-only to the address to serve reads from it",
            ),
            Self::Unavailable(problem) | Self::Unusable(problem) | Self::Unprotected(problem) => {
                out.write_str(problem)
            }
        }
    }
}

impl std::error::Error for ProbeError {}

/// What a probe has seen beside the protection of the tables.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Probed {
    /// Whether transactions are read only unless they say otherwise (`default_transaction_read_only`).
    pub is_read_only: bool,
    /// A sentence if the rules for sorting text have changed since the database recorded them: indexes may be wrong.
    pub changed_collation: Option<String>,
    /// The nodes of a distributed database that do not answer. Users whose rows they have are refused.
    pub lost_nodes: Vec<String>,
    /// Where the connection to a replica leads, and up to where the log is replayed there.
    pub(super) standby: Option<(Lineage, u64)>,
}

/// The user of the probe's transaction. It is random, so that the database cannot be prepared for it. The probe reads no rows
/// of any user.
fn random_user_id() -> String {
    let mut bytes = [0; 8];
    // If the machine has no randomness the user is always the same, which is harmless.
    let _ = aws_lc_rs::rand::fill(&mut bytes);
    format!("rowkeep probe {:016x}", u64::from_be_bytes(bytes))
}

impl Session {
    /// Runs a transaction like that of a request, and checks how Postgres restricts it. Then runs one without an identity.
    ///
    /// It does not wait behind requests: it opens a connection for each look and closes it. The time limit is that of a
    /// request.
    ///
    /// # Errors
    /// A sentence for the operator that says what is wrong and what to do.
    pub async fn probe(&self) -> Result<Probed, ProbeError> {
        let look = async {
            let opened = self.manager.open_for_a_look().await;
            let mut connection = opened.map_err(|failure| explain_failure(&failure))?;
            let looked = run(&mut connection).await;
            let log = connection.log.take();
            connection.close().await;
            let (rows, nodes, looked) = looked.map_err(|error| explain(&error))?;
            self.turns.share_between(nodes.map());
            let mut probed = self.judge(&rows, &looked)?;
            if let (Role::Replica(_), Some(log)) = (&self.manager.role, log) {
                probed.standby = Some((log.lineage, log.replayed));
            }
            Ok(probed)
        };
        match within(2 * self.manager.step_timeout, look).await {
            Some(result) => result,
            None => {
                self.manager.state.renew_connections();
                self.manager.state.counts.set_reachable(false);
                Err(ProbeError::Unavailable("the database does not answer".into()))
            }
        }
    }

    fn judge(&self, rows: &[Row], nodes: &[Looked]) -> Result<Probed, ProbeError> {
        let is_true = |column: &str| rows.iter().any(|row| row.try_get(column).unwrap_or(false));
        let wants_standby =
            self.manager.address.config().get_target_session_attrs() == TargetSessionAttrs::ReadOnly;
        let is_replica = matches!(self.manager.role, Role::Replica(_));
        if is_true("is_standby") && !wants_standby && !is_replica {
            // The next connections may reach the new primary.
            self.manager.state.renew_connections();
            return Err(ProbeError::Standby);
        }
        let first =
            |checks: &[(&str, &str)]| checks.iter().find_map(|(column, text)| fault(rows, column, text));
        let failure = first(&PROTECTION).map(ProbeError::Unprotected);
        let failure = failure.or_else(|| nodes.iter().find_map(Looked::failure));
        if let Some(failure) = failure.or_else(|| first(&USE).map(ProbeError::Unusable)) {
            // A cause such as a setting may stay in force on the connections after it is fixed in the database.
            self.manager.state.renew_connections();
            return Err(failure);
        }
        let lost_nodes: Vec<_> = nodes.iter().filter_map(Looked::lost).collect();
        self.manager.state.note_lost_nodes(&lost_nodes);
        if !nodes.is_empty() && lost_nodes.len() == nodes.len() {
            return Err(ProbeError::Unavailable(format!("no node answers: {}", lost_nodes.join(", "))));
        }
        Ok(Probed {
            is_read_only: is_true("is_read_only"),
            changed_collation: rows.iter().find_map(|row| row.try_get("sentence").ok().flatten()),
            lost_nodes,
            standby: None,
        })
    }

    /// Opens a connection of the pool, which prepares every statement.
    ///
    /// # Errors
    /// A statement cannot be prepared, or the database has gone.
    pub(super) async fn check_statements(&self) -> Result<(), ProbeError> {
        loop {
            let had_prepared = !self.has_lost_prepared_statements();
            let outcome = tokio::select! {
                biased;
                connected = self.pool.get() => match connected {
                    Ok(connection) => self.begin_log(&connection).await,
                    Err(RunError::User(error)) => Err(explain_failure(&error)),
                    Err(RunError::TimedOut) => {
                        Err(ProbeError::Unavailable("the database cannot be reached".into()))
                    }
                },
                failure = self.manager.state.connect_failure() => Err(explain_failure(&failure)),
            };
            // The next connection does without prepared statements.
            if outcome.is_err() && had_prepared && self.has_lost_prepared_statements() {
                continue;
            }
            return outcome;
        }
    }
}

impl Session {
    /// Takes down the first position of the primary's log.
    ///
    /// # Errors
    /// The login may not read it, or the database has gone.
    async fn begin_log(&self, connection: &PooledConnection) -> Result<(), ProbeError> {
        let (Role::Primary(primary), Some(log)) = (&self.manager.role, &connection.log) else {
            return Ok(());
        };
        let asked = Instant::now();
        let rows = connection.run(&WAL_POSITION, &[]).await.map_err(|error| explain(&error))?;
        if let Some(position) = wal::position(&rows) {
            primary.note(Sample { asked, cluster: log.lineage.cluster.clone(), position });
        }
        Ok(())
    }
}

async fn run(connection: &mut PooledConnection) -> Result<(Vec<Row>, Nodes, Vec<Looked>), Error> {
    connection.dirty = true;
    let user = random_user_id();
    // A pooler that gives each statement another backend ends the connection at a Sync within a transaction.
    omit_syncs(connection, if connection.backend.is_pooled { 2 } else { 3 });
    let (begun, identified, with_identity, committed) = join4(
        begin(connection, &BEGIN_READ),
        without_sync(connection, connection.run(&IDENTIFY, &[&user])),
        without_sync(connection, connection.run(&PROBE, &[&user])),
        connection.run(&COMMIT, &[]),
    )
    .await;
    begun?;
    identified?;
    let mut rows = with_identity?;
    committed?;

    let nodes = Nodes::of_database(connection, &rows).await?;
    let nobody = if nodes.is_empty() { &PROBE_WITHOUT_IDENTITY } else { &PROBE_NOBODY };
    omit_syncs(connection, 4);
    let (begun, collation, assumed, without_identity, committed) = join5(
        begin(connection, &BEGIN_READ),
        connection.run(&COLLATION_VERSION, &[]),
        connection.run(&ASSUME_ROLE, &[]),
        connection.run(nobody, &[]),
        connection.run(&COMMIT, &[]),
    )
    .await;
    begun?;
    rows.extend(collation?);
    assumed?;
    rows.extend(without_identity?);
    committed?;

    let looked = nodes.look_at_each(connection).await;
    if let Role::Replica(_) = connection.manager.role {
        ask_replayed(connection).await?;
    }
    connection.dirty = false;
    Ok((rows, nodes, looked))
}

/// Why a connection could not be opened.
fn explain_failure(failure: &ConnectError) -> ProbeError {
    match failure {
        ConnectError::Refused(error) => explain(error),
        other if other.is_temporary() => ProbeError::Unavailable(other.to_string()),
        other => ProbeError::Unusable(other.to_string()),
    }
}

fn explain(error: &Error) -> ProbeError {
    let cause = describe(error);
    match error.code().map(|state| state.code()) {
        Some(
            "53300" // too_many_connections
            | "55P03" // lock_not_available
            | "57014" // query_canceled, by statement_timeout
            | "25P04" // transaction_timeout
        ) => ProbeError::Busy,
        // PgBouncer's words, which are not translated.
        Some("08P01") if cause.contains("statement pooling mode") => ProbeError::Unusable(format!(
            "{cause}: set pool_mode=transaction in the connection pooler"
        )),
        _ if is_temporary(error) => ProbeError::Unavailable(cause),
        // insufficient_privilege
        Some("42501") => ProbeError::Unusable(format!(
            "{cause}: make the login a member of rowkeep_api that inherits: \
             GRANT rowkeep_api TO the_login; ALTER ROLE the_login INHERIT; \
             ALTER ROLE the_login SET role = 'rowkeep_api';"
        )),
        _ => ProbeError::Unusable(cause),
    }
}
