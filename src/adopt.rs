//! `rowkeep adopt`: copies the tasks of another server's table into `app.tasks`, all of them or none.
//!
//! The rows go through a temporary table of the target, so that every row that breaks a rule can be named, and so that
//! memory is bounded. One transaction of the target does everything. Until it commits, nothing of it can be seen, and a
//! connection that ends undoes it.

mod columns;
mod plan;
mod progress;
mod source;
mod target;

use tokio_postgres::{Client, Error};

use crate::database::{Address, describe, is_temporary};
use crate::schema::SchemaError;
pub use plan::{Plan, Summary, counted};
pub use progress::Progress;
pub use source::Table;
use source::{SUMS, Source};
use target::Target;

/// An adoption whose rows are at the target, compared and not yet inserted. Dropping it undoes everything.
pub struct Adoption {
    target: Target,
    plan: Plan,
}

impl Adoption {
    /// Copies the rows of `table` at `from` into a temporary table of `session`, checks each row, and compares them with the tasks
    /// that are there. `session` is a [`maintenance_session`](crate::schema::maintenance_session) at `to`. Holds an exclusive lock on `app.tasks` from the comparison on.
    ///
    /// # Errors
    /// A source that cannot be reached, or not be read as tasks; a lock that others hold.
    pub async fn prepare(
        from: &Address,
        table: &Table,
        to: &Address,
        session: Client,
        progress: &Progress,
    ) -> Result<Self, SchemaError> {
        let target = Target::begin(session).await?;
        let source = Source::open(from, table, target.process_id()).await?;

        progress.rows(source.count().await?);
        let staged = target.stage_rows(&source, progress).await?;
        progress.phase("adding up the tasks of each user");
        target.stage_sums(&source).await?;
        progress.phase("checking every row");
        target.check().await?;
        target.lock().await?;
        let summary = target.compare().await?;
        progress.end();
        if summary.tasks.cast_unsigned() != staged {
            return Err(SchemaError::Unusable(format!(
                "{staged} rows arrived, and {} are there",
                summary.tasks
            )));
        }
        let Source { name, columns, .. } = source;
        let plan = Plan { source: format!("{name} of {from}"), target: to.to_string(), columns, summary };
        Ok(Self { target, plan })
    }

    /// What [`Adoption::commit`] would do.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// How many rows have each problem, and the problems of single rows by id, at most `limit`. A row with a problem cannot be
    /// adopted.
    ///
    /// # Errors
    /// When the connection is lost, or `show` fails.
    pub async fn each_problem(
        &self,
        limit: i64,
        show: impl FnMut(String) -> std::io::Result<()>,
    ) -> Result<(), SchemaError> {
        self.target.each_problem(limit, show).await
    }

    /// Inserts the rows that are missing, sets the sequence of ids behind them, compares the tasks of each user with the source,
    /// and commits. Nothing of the table's protection is changed afterwards.
    ///
    /// # Errors
    /// Nothing was changed, unless the connection was lost during the COMMIT: then it is not known.
    pub async fn commit(self, progress: &Progress) -> Result<(), SchemaError> {
        progress.phase("inserting the tasks");
        let inserted = self.target.insert().await?;
        let missing = self.plan.summary.missing();
        if inserted != missing.cast_unsigned() {
            return Err(SchemaError::Unusable(format!(
                "{inserted} tasks were inserted, and {missing} were to be: nothing was changed"
            )));
        }
        progress.phase("comparing the tasks of each user with the source");
        self.target.verify(SUMS).await?;
        self.target.commit().await?;
        progress.end();
        Ok(())
    }

    /// Undoes everything.
    ///
    /// # Errors
    /// When the connection is lost, which undoes everything as well.
    pub async fn roll_back(self) -> Result<(), SchemaError> {
        self.target.roll_back().await
    }
}

/// An error of the database while the program did `what`.
fn failed(what: &str, error: &Error) -> SchemaError {
    SchemaError::new(is_temporary(error), format!("{what}: {}", describe(error)))
}
