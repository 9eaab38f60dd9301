//! Checks that Postgres restricts the transactions of requests, by running one.

use bb8::RunError;
use futures_util::future::{join4, join5};
use tokio_postgres::config::TargetSessionAttrs;
use tokio_postgres::{Error, Row};

use super::Session;
use super::connection::PooledConnection;
use super::statements::{
    ASSUME_ROLE, BEGIN_READ, COLLATION_VERSION, COMMIT, IDENTIFY, PROBE, PROBE_WITHOUT_IDENTITY,
};
use super::transaction::{begin, omit_syncs, without_sync};
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
    Unprotected {
        /// The names of the objects with the problem. Empty if the problem is of the whole database.
        objects: String,
        /// What to do about it, too.
        problem: String,
    },
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
            Self::Unavailable(problem) | Self::Unusable(problem) => out.write_str(problem),
            Self::Unprotected { objects, problem } if objects.is_empty() => out.write_str(problem),
            Self::Unprotected { objects, problem } => write!(out, "{objects}: {problem}"),
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
            let rows = run(&mut connection).await;
            connection.close().await;
            self.judge(&rows.map_err(|error| explain(&error))?)
        };
        match within(2 * self.manager.step_timeout, look).await {
            Some(result) => result,
            None => {
                self.manager.state.renew_connections();
                Err(ProbeError::Unavailable("the database does not answer".into()))
            }
        }
    }

    fn judge(&self, rows: &[Row]) -> Result<Probed, ProbeError> {
        let is_true = |column: &str| rows.iter().any(|row| row.try_get(column).unwrap_or(false));
        let wants_standby =
            self.manager.address.config().get_target_session_attrs() == TargetSessionAttrs::ReadOnly;
        if is_true("is_standby") && !wants_standby {
            // The next connections may reach the new primary.
            self.manager.state.renew_connections();
            return Err(ProbeError::Standby);
        }
        let protection = PROTECTION.iter().find_map(|(column, problem)| {
            let objects = fault(rows, column)?;
            let fix = rows.iter().find_map(|row| row.try_get::<_, String>(&*format!("{column}_fix")).ok());
            let fix = fix.map(|fix| format!(": run {fix}")).unwrap_or_default();
            Some(ProbeError::Unprotected { objects, problem: format!("{problem}{fix}") })
        });
        let failure = protection.or_else(|| {
            USE.iter().find_map(|(column, problem)| {
                Some(ProbeError::Unusable(format!("{}: {problem}", fault(rows, column)?)))
            })
        });
        if let Some(failure) = failure {
            // A cause such as a setting may stay in force on the connections after it is fixed in the database.
            self.manager.state.renew_connections();
            return Err(failure);
        }
        Ok(Probed {
            is_read_only: is_true("is_read_only"),
            changed_collation: rows.iter().find_map(|row| row.try_get("sentence").ok().flatten()),
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
                    Ok(_) => Ok(()),
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

/// How many objects a problem names.
const NAMED: usize = 5;

/// The objects with the problem that a column of the probe looks for, or an empty text if they have no names. None if all is
/// well. A column that is missing is a problem.
fn fault(rows: &[Row], column: &str) -> Option<String> {
    for row in rows {
        match row.try_get::<_, bool>(column) {
            Ok(true) => return None,
            Ok(false) => return Some(String::new()),
            Err(_) => {}
        }
        if let Ok(names) = row.try_get::<_, Option<Vec<String>>>(column) {
            return names.map(|names| {
                let more = names.len().saturating_sub(NAMED);
                let shown = names[..names.len() - more].join(", ");
                if more > 0 { format!("{shown} and {more} more") } else { shown }
            });
        }
    }
    Some(String::new())
}

/// The columns of `sql/session/probe.sql` and `probe_without_identity.sql`, and the problem if one is not as it must be. The
/// names of the objects stand before it.
const PROTECTION: [(&str, &str); 13] = [
    ("role_assumed", "a request's transaction does not run as rowkeep_api: run `rowkeep migrate`"),
    (
        "bound_by_policies",
        "rowkeep_api is a superuser or has BYPASSRLS, so no policy restricts it: \
         run ALTER ROLE rowkeep_api NOSUPERUSER NOBYPASSRLS;",
    ),
    (
        "owned",
        "rowkeep_api owns them, or is a member of the role that owns them: `rowkeep audit` shows the statement that fixes it",
    ),
    (
        "unprotected",
        "requests can reach it, and row security is not enabled and forced. If it is a table of Rowkeep, run \
         `rowkeep migrate --reapply-policies`; if not, revoke the privileges on it: `rowkeep audit` shows the statements",
    ),
    (
        "unfenced",
        "no fence policy, or a fence with another condition: run `rowkeep migrate --reapply-policies`",
    ),
    (
        "unsound",
        "not owned by rowkeep_owner, inherits from another table, or does not compare user ids byte by byte: \
         `rowkeep audit` shows the statement that fixes it",
    ),
    (
        "without_rows",
        "no policy lets rowkeep_api see rows, so every list would be empty: run `rowkeep migrate --reapply-policies`",
    ),
    (
        "disabled_triggers",
        "the trigger is disabled, so every create fails, or ids and users can change",
    ),
    (
        "missing_triggers",
        "the trigger is missing, so every create fails: run `rowkeep migrate --repair`, or as rowkeep_owner CREATE TRIGGER \
         tasks_touch BEFORE INSERT OR UPDATE ON app.tasks FOR EACH ROW EXECUTE FUNCTION app.tasks_touch();",
    ),
    (
        "triggers_run",
        "session_replication_role is replica, so no trigger runs and every create fails: run ALTER ROLE .. RESET \
         session_replication_role; for the login, or ALTER DATABASE .. RESET",
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

/// The same for what requests need: without it they are refused, and no row is shown to others.
const USE: [(&str, &str); 2] = [
    (
        "missing_privileges",
        "rowkeep_api does not have this privilege, which requests need: run `rowkeep migrate --reapply-policies`",
    ),
    (
        "unfilled_columns",
        "it must not be null and has no default, so every create fails: run ALTER TABLE app.tasks ALTER COLUMN .. SET DEFAULT \
         ..; or .. DROP NOT NULL;",
    ),
];

async fn run(connection: &mut PooledConnection) -> Result<Vec<Row>, Error> {
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

    omit_syncs(connection, 4);
    let (begun, collation, assumed, without_identity, committed) = join5(
        begin(connection, &BEGIN_READ),
        connection.run(&COLLATION_VERSION, &[]),
        connection.run(&ASSUME_ROLE, &[]),
        connection.run(&PROBE_WITHOUT_IDENTITY, &[]),
        connection.run(&COMMIT, &[]),
    )
    .await;
    begun?;
    rows.extend(collation?);
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
