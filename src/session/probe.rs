//! The proof that a request's transaction is restricted, by running one.

use futures_util::future::join4;
use tokio::time::timeout;
use tokio_postgres::{Error, Row};

use super::pool::Link;
use super::{Session, take, without_sync};
use crate::database::logged;

/// Why requests would not be restricted, or could not run, and what to do about it.
#[derive(Clone, Debug)]
pub struct Unprotected(pub String);

impl std::fmt::Display for Unprotected {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.0)
    }
}

impl std::error::Error for Unprotected {}

/// Whom the probe's transaction belongs to: somebody else each time, so that nothing can be made to suit it. It reads no
/// row of anybody's.
fn somebody() -> String {
    let mut bytes = [0; 8];
    // Without randomness it is the same somebody, and that is all.
    let _ = aws_lc_rs::rand::fill(&mut bytes);
    format!("rowkeep probe {:016x}", u64::from_be_bytes(bytes))
}

impl Session {
    /// Runs a transaction as a request does and looks at what Postgres makes of it; then one that is nobody's.
    ///
    /// # Errors
    /// What is wrong, in a sentence for the operator. Takes no longer than a request may.
    pub async fn prove_restricted(&self) -> Result<(), Unprotected> {
        let _turn = take(&self.turns, self.patience)
            .await
            .map_err(|_| Unprotected("every connection is in use".into()))?;

        match timeout(2 * self.patience, self.look()).await {
            Ok(found) => found,
            Err(_) => Err(Unprotected("the database does not answer".into())),
        }
    }

    async fn look(&self) -> Result<(), Unprotected> {
        let mut link = self.pool.get().await.map_err(|error| match error {
            bb8::RunError::User(error) => Unprotected(error.cause()),
            bb8::RunError::TimedOut => Unprotected("the database cannot be reached".into()),
        })?;

        let found = probe(&mut link).await.map_err(|error| explain(&error))?;
        for (column, problem) in PROBLEMS {
            if !found.iter().any(|row| row.try_get(column).unwrap_or(false)) {
                // What made it so may still be in force on this connection when it is mended.
                link.dirty = true;
                return Err(Unprotected(problem.into()));
            }
        }
        Ok(())
    }
}

const PROBLEMS: [(&str, &str); 10] = [
    ("role_assumed", "a request's transaction does not run as rowkeep_api; run `rowkeep migrate`"),
    (
        "bound_by_policies",
        "rowkeep_api is a superuser or has BYPASSRLS, so that no policy binds it; \
         run: ALTER ROLE rowkeep_api NOSUPERUSER NOBYPASSRLS;",
    ),
    ("owns_nothing", "rowkeep_api owns tables of schema app, or is a member of their owner; take that away"),
    (
        "tables_protected",
        "row security is not enabled and forced on every table of schema app; \
         run `rowkeep migrate --reapply-policies`",
    ),
    (
        "tables_fenced",
        "a table of schema app has no fence policy, or one that lets everybody through; \
         run `rowkeep migrate --reapply-policies`",
    ),
    (
        "tables_sound",
        "a table of schema app has another owner than rowkeep_owner, inherits from a table, or does not compare users \
         byte by byte; `rowkeep audit` says what mends it",
    ),
    (
        "rows_reachable",
        "a table of schema app has no policy that lets rowkeep_api see anything, so that every user's rows seem to be \
         gone; run `rowkeep migrate --reapply-policies`",
    ),
    (
        "identity_sound",
        "app.current_user_id() is not as migrations/V4__cheaper_identity.sql makes it; `rowkeep audit` says what mends it",
    ),
    (
        "identity_taken",
        "app.identify() makes a transaction somebody else's than it is told; `rowkeep audit` says what mends it",
    ),
    (
        "sees_nothing",
        "a transaction that is nobody's sees rows, or is somebody's; run `rowkeep migrate --reapply-policies`, and \
         see to it that app.user_id is not set for a role or a database (ALTER ROLE .. RESET app.user_id)",
    ),
];

async fn probe(link: &mut Link) -> Result<Vec<Row>, Error> {
    link.dirty = true;
    let begin = link.statement("session/begin_read");
    let commit = link.statement("session/commit");

    let user = somebody();
    link.pipeline.join(3);
    let (begun, identified, somebody, committed) = join4(
        link.client.execute(begin, &[]),
        without_sync(link, link.client.execute(link.statement("session/identify"), &[&user])),
        without_sync(link, link.client.query(link.statement("session/probe"), &[&user])),
        link.client.execute(commit, &[]),
    )
    .await;
    begun?;
    identified?;
    let mut rows = somebody?;
    committed?;

    link.pipeline.join(3);
    let (begun, assumed, nobody, committed) = join4(
        link.client.execute(begin, &[]),
        link.client.execute(link.statement("session/assume_role"), &[]),
        link.client.query(link.statement("session/nobody"), &[]),
        link.client.execute(commit, &[]),
    )
    .await;
    begun?;
    assumed?;
    rows.extend(nobody?);
    committed?;

    link.dirty = false;
    Ok(rows)
}

fn explain(error: &Error) -> Unprotected {
    let cause = logged(error);
    let advice = match error.code().map(|state| state.code()) {
        Some("42501") => {
            "; the login must be a member of rowkeep_api that inherits: \
             GRANT rowkeep_api TO the_login; ALTER ROLE the_login INHERIT; \
             ALTER ROLE the_login SET role = 'rowkeep_api';"
        }
        _ => "",
    };
    Unprotected(format!("{cause}{advice}"))
}
