//! Checks that Postgres restricts the transactions of requests, by running one.

use bb8::RunError;
use futures_util::future::join4;
use tokio::time::timeout;
use tokio_postgres::config::TargetSessionAttrs;
use tokio_postgres::{Error, Row};

use super::pool::PooledConnection;
use super::statements::{ASSUME_ROLE, BEGIN_READ, COMMIT, IDENTIFY, PROBE, PROBE_WITHOUT_IDENTITY};
use super::transaction::{begin, omit_syncs, without_sync};
use super::{Session, sqlstate};
use crate::database::{ConnectError, describe};

/// Why requests would not be restricted or could not run, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProbeError {
    /// Every connection is in use, so nothing was looked at.
    Busy,
    /// The database cannot be reached, or is not one that requests can use now. It may be later.
    Unavailable(String),
    /// The database answers, and cannot run the statements of requests. Somebody must change it.
    Unusable(String),
    /// The database answers, and does not restrict requests. Somebody must change it.
    Unprotected(String),
}

impl std::fmt::Display for ProbeError {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Busy => out.write_str("every connection is in use"),
            Self::Unavailable(problem) | Self::Unusable(problem) | Self::Unprotected(problem) => {
                out.write_str(problem)
            }
        }
    }
}

impl std::error::Error for ProbeError {}

/// What a probe has seen beside the protection of the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probed {
    /// Whether transactions are read only unless they say otherwise (`default_transaction_read_only`).
    pub is_read_only: bool,
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
    /// It does not wait behind requests: one connection of the pool is kept for it. The time limit is that of a request.
    ///
    /// # Errors
    /// A sentence for the operator that says what is wrong and what to do.
    pub async fn probe(&self) -> Result<Probed, ProbeError> {
        self.look_after_lost_backends();
        match timeout(2 * self.step_timeout, self.probe_connection()).await {
            Ok(result) => result,
            Err(_) => {
                self.pool_state.renew_connections();
                Err(ProbeError::Unavailable("the database does not answer".into()))
            }
        }
    }

    async fn probe_connection(&self) -> Result<Probed, ProbeError> {
        let connected = tokio::select! {
            biased;
            connected = self.pool.get() => connected,
            failure = self.pool_state.connect_failure() => return Err(explain_failure(&failure)),
        };
        let mut connection = connected.map_err(|error| match error {
            RunError::User(error) => explain_failure(&error),
            RunError::TimedOut if self.is_pool_full() => ProbeError::Busy,
            RunError::TimedOut => ProbeError::Unavailable("the database cannot be reached".into()),
        })?;
        connection.is_last_use = !self.keeps_idle;

        let rows = run(&mut connection).await.map_err(|error| explain(&error))?;
        let is_true = |column: &str| rows.iter().any(|row| row.try_get(column).unwrap_or(false));
        let wants_standby = self.address.config().get_target_session_attrs() == TargetSessionAttrs::ReadOnly;
        if is_true("is_standby") && !wants_standby {
            // The next connection may reach the new primary.
            self.pool_state.renew_connections();
            return Err(ProbeError::Unavailable(
                "the database is a standby, which cannot change tasks: connect to the primary, or add \
                 target_session_attrs=read-only to the address to serve reads from it"
                    .into(),
            ));
        }
        if let Some((_, problem)) = CHECKS.iter().find(|(column, _)| !is_true(column)) {
            // The cause may stay in force on this connection after it is fixed in the database.
            connection.dirty = true;
            return Err(ProbeError::Unprotected((*problem).into()));
        }
        Ok(Probed { is_read_only: is_true("is_read_only") })
    }

    fn is_pool_full(&self) -> bool {
        let state = self.pool.state();
        state.connections >= self.pool_size && state.idle_connections == 0
    }
}

/// The columns of `sql/session/probe.sql` and `probe_without_identity.sql`, and the problem if one is not true.
const CHECKS: [(&str, &str); 10] = [
    ("role_assumed", "a request's transaction does not run as rowkeep_api: run `rowkeep migrate`"),
    (
        "bound_by_policies",
        "rowkeep_api is a superuser or has BYPASSRLS, so no policy restricts it: \
         run ALTER ROLE rowkeep_api NOSUPERUSER NOBYPASSRLS;",
    ),
    (
        "owns_nothing",
        "rowkeep_api owns tables of schema app, or is a member of the role that owns them: \
         `rowkeep audit` shows the statement that fixes it",
    ),
    (
        "tables_protected",
        "row security is not enabled and forced on every table of schema app: \
         run `rowkeep migrate --reapply-policies`",
    ),
    (
        "tables_fenced",
        "a table of schema app has no fence policy, or a fence with another condition: \
         run `rowkeep migrate --reapply-policies`",
    ),
    (
        "tables_sound",
        "a table of schema app is not owned by rowkeep_owner, inherits from another table, or does not compare user ids \
         byte by byte: `rowkeep audit` shows the statement that fixes it",
    ),
    (
        "rows_reachable",
        "a table of schema app has no policy that lets rowkeep_api see rows, so every list would be empty: \
         run `rowkeep migrate --reapply-policies`",
    ),
    (
        "identity_sound",
        "app.current_user_id() is not the function of migrations/V4__cheaper_identity.sql: \
         `rowkeep audit` shows the statement that fixes it",
    ),
    (
        "identity_taken",
        "app.identify() sets another user than the one it was called with: \
         `rowkeep audit` shows the statement that fixes it",
    ),
    (
        "sees_nothing",
        "a transaction without an identity sees rows or has a user: run `rowkeep migrate --reapply-policies`, \
         and remove stored values of app.user_id (ALTER ROLE .. RESET app.user_id)",
    ),
];

async fn run(connection: &mut PooledConnection) -> Result<Vec<Row>, Error> {
    connection.dirty = true;
    let user = random_user_id();
    omit_syncs(connection, 3);
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

    omit_syncs(connection, 3);
    let (begun, assumed, without_identity, committed) = join4(
        begin(connection, &BEGIN_READ),
        connection.run(&ASSUME_ROLE, &[]),
        connection.run(&PROBE_WITHOUT_IDENTITY, &[]),
        connection.run(&COMMIT, &[]),
    )
    .await;
    begun?;
    assumed?;
    rows.extend(without_identity?);
    committed?;

    connection.dirty = false;
    Ok(rows)
}

/// Why a connection could not be opened.
fn explain_failure(failure: &ConnectError) -> ProbeError {
    match failure {
        ConnectError::Refused(error) => explain(error),
        other => ProbeError::Unavailable(other.to_string()),
    }
}

fn explain(error: &Error) -> ProbeError {
    let cause = describe(error);
    match error.code().map(|state| state.code()) {
        None => ProbeError::Unavailable(cause),
        _ if error.code().is_some_and(sqlstate::is_temporary) => ProbeError::Unavailable(cause),
        // insufficient_privilege
        Some("42501") => ProbeError::Unusable(format!(
            "{cause}: make the login a member of rowkeep_api that inherits: \
             GRANT rowkeep_api TO the_login; ALTER ROLE the_login INHERIT; \
             ALTER ROLE the_login SET role = 'rowkeep_api';"
        )),
        Some(_) => ProbeError::Unusable(cause),
    }
}
