//! Checks that Postgres restricts the transactions of requests, by running one.

use futures_util::future::join4;
use tokio::time::timeout;
use tokio_postgres::{Error, Row};

use super::pool::PooledConnection;
use super::{Session, acquire, without_sync};
use crate::database::describe;

/// Why requests would not be restricted or could not run, and what to do about it.
#[derive(Clone, Debug)]
pub struct ProbeError(pub String);

impl std::fmt::Display for ProbeError {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.0)
    }
}

impl std::error::Error for ProbeError {}

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
    /// # Errors
    /// A sentence for the operator that says what is wrong and what to do. The time limit is that of a request.
    pub async fn probe(&self) -> Result<(), ProbeError> {
        let _permit = acquire(&self.permits, self.step_timeout)
            .await
            .map_err(|_| ProbeError("every connection is in use".into()))?;

        match timeout(2 * self.step_timeout, self.probe_connection()).await {
            Ok(result) => result,
            Err(_) => Err(ProbeError("the database does not answer".into())),
        }
    }

    async fn probe_connection(&self) -> Result<(), ProbeError> {
        let mut connection = self.pool.get().await.map_err(|error| match error {
            bb8::RunError::User(error) => ProbeError(error.to_string()),
            bb8::RunError::TimedOut => ProbeError("the database cannot be reached".into()),
        })?;

        let rows = run(&mut connection).await.map_err(|error| explain(&error))?;
        for (column, problem) in CHECKS {
            if !rows.iter().any(|row| row.try_get(column).unwrap_or(false)) {
                // The cause may stay in force on this connection after it is fixed in the database.
                connection.dirty = true;
                return Err(ProbeError(problem.into()));
            }
        }
        Ok(())
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
    let begin = connection.statement("session/begin_read");
    let commit = connection.statement("session/commit");

    let user = random_user_id();
    connection.pipeline.omit_syncs(3);
    let (begun, identified, with_identity, committed) = join4(
        connection.client.execute(begin, &[]),
        without_sync(
            connection,
            connection.client.execute(connection.statement("session/identify"), &[&user]),
        ),
        without_sync(connection, connection.client.query(connection.statement("session/probe"), &[&user])),
        connection.client.execute(commit, &[]),
    )
    .await;
    begun?;
    identified?;
    let mut rows = with_identity?;
    committed?;

    connection.pipeline.omit_syncs(3);
    let (begun, assumed, without_identity, committed) = join4(
        connection.client.execute(begin, &[]),
        connection.client.execute(connection.statement("session/assume_role"), &[]),
        connection.client.query(connection.statement("session/probe_without_identity"), &[]),
        connection.client.execute(commit, &[]),
    )
    .await;
    begun?;
    assumed?;
    rows.extend(without_identity?);
    committed?;

    connection.dirty = false;
    Ok(rows)
}

fn explain(error: &Error) -> ProbeError {
    let cause = describe(error);
    // insufficient_privilege
    let advice = match error.code().map(|state| state.code()) {
        Some("42501") => {
            ": make the login a member of rowkeep_api that inherits: \
             GRANT rowkeep_api TO the_login; ALTER ROLE the_login INHERIT; \
             ALTER ROLE the_login SET role = 'rowkeep_api';"
        }
        _ => "",
    };
    ProbeError(format!("{cause}{advice}"))
}
