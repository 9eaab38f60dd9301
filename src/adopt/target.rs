//! The one transaction that writes: temporary tables, checks, and `app.tasks` under an exclusive lock.

use std::io;
use std::pin::pin;

use bytes::Bytes;
use futures_util::{SinkExt, TryStreamExt};
use tokio_postgres::{Client, CopyOutStream, Error};

use super::failed;
use super::plan::{Summary, counted};
use super::progress::Progress;
use super::source::Source;
use crate::schema::{LOCK_ATTEMPTS, SchemaError, is_lock_conflict, pause_before_retry, table_users};

const PROCESS_ID: &str = include_str!("../../sql/session/pooler.sql");
const BEGIN: &str = include_str!("../../sql/schema/begin.sql");
const REFUSE_DISTRIBUTED: &str = include_str!("../../sql/adopt/refuse_distributed.sql");
const STAGE: &str = include_str!("../../sql/adopt/stage.sql");
const STAGE_ROWS: &str = include_str!("../../sql/adopt/stage_rows.sql");
const STAGE_SUMS: &str = include_str!("../../sql/adopt/stage_sums.sql");
const CHECK: &str = include_str!("../../sql/adopt/check.sql");
const TAKE_OWNER: &str = include_str!("../../sql/adopt/take_owner.sql");
const SAVEPOINT: &str = include_str!("../../sql/audit/savepoint.sql");
const ROLLBACK_TO_SAVEPOINT: &str = include_str!("../../sql/audit/rollback_to_savepoint.sql");
const LOCK: &str = include_str!("../../sql/adopt/lock.sql");
const LIFT: &str = include_str!("../../sql/adopt/lift.sql");
const COMPARE: &str = include_str!("../../sql/adopt/compare.sql");
const SUMMARY: &str = include_str!("../../sql/adopt/summary.sql");
const PROBLEM_COUNTS: &str = include_str!("../../sql/adopt/problem_counts.sql");
const PROBLEMS: &str = include_str!("../../sql/adopt/problems.sql");
const INSERT: &str = include_str!("../../sql/adopt/insert.sql");
const SEQUENCE: &str = include_str!("../../sql/adopt/sequence.sql");
const VERIFY: &str = include_str!("../../sql/adopt/verify.sql");
const RESTORE: &str = include_str!("../../sql/adopt/restore.sql");
const COMMIT: &str = include_str!("../../sql/session/commit.sql");
const ROLLBACK: &str = include_str!("../../sql/session/rollback.sql");

/// The transaction. It is undone when the connection ends.
pub(super) struct Target {
    client: Client,
    process_id: i32,
}

impl Target {
    /// Begins the transaction and makes the temporary tables.
    pub(super) async fn begin(client: Client) -> Result<Self, SchemaError> {
        let refused = client.batch_execute(REFUSE_DISTRIBUTED).await;
        refused.map_err(|error| failed("cannot adopt tasks", &error))?;
        let begun = async {
            client.batch_execute(BEGIN).await?;
            client.batch_execute(STAGE).await?;
            client.query_one(PROCESS_ID, &[]).await?.try_get("process_id")
        };
        let process_id = begun.await.map_err(|error| failed("cannot make temporary tables", &error))?;
        Ok(Self { client, process_id })
    }

    /// The process id of this session's backend.
    pub(super) fn process_id(&self) -> i32 {
        self.process_id
    }

    /// Copies the rows of the source into a temporary table. Returns their number.
    pub(super) async fn stage_rows(&self, source: &Source, progress: &Progress) -> Result<u64, SchemaError> {
        self.stage(STAGE_ROWS, source.rows().await?, source, || progress.advance()).await
    }

    /// Copies the sums of each user's tasks into a temporary table.
    pub(super) async fn stage_sums(&self, source: &Source) -> Result<u64, SchemaError> {
        self.stage(STAGE_SUMS, source.sums().await?, source, || {}).await
    }

    /// Passes the bytes on as they are. At most a few messages are in memory.
    async fn stage(
        &self,
        copy: &str,
        rows: CopyOutStream,
        source: &Source,
        advance: impl Fn(),
    ) -> Result<u64, SchemaError> {
        let fail = |error: Error| failed("cannot write to a temporary table", &error);
        let sink = self.client.copy_in::<_, Bytes>(copy).await.map_err(fail)?;
        let (mut rows, mut sink) = (pin!(rows), pin!(sink));
        while let Some(bytes) = rows.try_next().await.map_err(|error| source.failed(&error))? {
            sink.feed(bytes).await.map_err(fail)?;
            advance();
        }
        sink.finish().await.map_err(fail)
    }

    /// Notes every row that Rowkeep cannot hold.
    pub(super) async fn check(&self) -> Result<(), SchemaError> {
        self.run("cannot check the rows", CHECK).await
    }

    /// Takes on the owner and locks `app.tasks`. Waits for running transactions as `rowkeep migrate` does, in short attempts:
    /// requests queue behind a lock that this session waits for.
    pub(super) async fn lock(&self) -> Result<(), SchemaError> {
        self.run("cannot take on rowkeep_owner", TAKE_OWNER).await?;
        for attempt in 1.. {
            self.run("cannot lock app.tasks", SAVEPOINT).await?;
            match self.client.batch_execute(LOCK).await {
                Ok(()) => break,
                Err(error) if !is_lock_conflict(&error) => {
                    return Err(failed("cannot lock app.tasks", &error));
                }
                Err(_) if attempt == LOCK_ATTEMPTS => {
                    self.run("cannot lock app.tasks", ROLLBACK_TO_SAVEPOINT).await?;
                    let users = table_users(&self.client).await;
                    return Err(SchemaError::Unavailable(format!(
                        "another session uses app.tasks all the time: stop the servers and other programs that use it, then run \
                         this again{users}"
                    )));
                }
                Err(_) => self.run("cannot lock app.tasks", ROLLBACK_TO_SAVEPOINT).await?,
            }
            pause_before_retry(attempt).await;
        }
        self.run("cannot lift the protection of app.tasks", LIFT).await
    }

    /// Compares the rows with the tasks that are there, and notes those that a task is in the way of.
    pub(super) async fn compare(&self) -> Result<Summary, SchemaError> {
        let compared = async {
            self.client.batch_execute(COMPARE).await?;
            Summary::of(&self.client.query_one(SUMMARY, &[]).await?)
        };
        compared.await.map_err(|error| failed("cannot compare the rows with app.tasks", &error))
    }

    /// Shows how many rows have each problem, and then the problems of single rows, at most `limit`.
    pub(super) async fn each_problem(
        &self,
        limit: i64,
        mut show: impl FnMut(String) -> io::Result<()>,
    ) -> Result<(), SchemaError> {
        let fail = |error: Error| failed("cannot read the problems", &error);
        let cannot_show = |error: io::Error| SchemaError::Unusable(format!("cannot print: {error}"));
        for row in self.client.query(PROBLEM_COUNTS, &[]).await.map_err(fail)? {
            let read = || Ok((row.try_get("rows")?, row.try_get("problem")?));
            let (rows, problem): (i64, String) = read().map_err(fail)?;
            show(format!("{}: {problem}", counted(rows, "row"))).map_err(cannot_show)?;
        }
        let rows = self.client.query_raw(PROBLEMS, [limit]).await.map_err(fail)?;
        let mut rows = pin!(rows);
        while let Some(row) = rows.try_next().await.map_err(fail)? {
            let read = || Ok((row.try_get("id")?, row.try_get("problem")?));
            let (id, problem): (Option<i64>, String) = read().map_err(fail)?;
            let id = id.map_or("without an id".into(), |id| id.to_string());
            show(format!("row {id}: {problem}")).map_err(cannot_show)?;
        }
        Ok(())
    }

    /// Inserts the tasks that are missing, and sets the sequence behind them. Returns their number.
    pub(super) async fn insert(&self) -> Result<u64, SchemaError> {
        let inserted = async {
            let inserted = self.client.execute(INSERT, &[]).await?;
            self.client.batch_execute(SEQUENCE).await?;
            Ok(inserted)
        };
        inserted.await.map_err(|error| failed("cannot insert the tasks", &error))
    }

    /// Compares the tasks of each user in `app.tasks` with the sums of the source.
    ///
    /// # Errors
    /// When a user's tasks differ.
    pub(super) async fn verify(&self, sums: &str) -> Result<(), SchemaError> {
        let differing = async {
            let query: String = self.client.query_one(VERIFY, &[&sums]).await?.try_get("query")?;
            self.client.query_one(&query, &[]).await?.try_get::<_, i64>(0)
        };
        match differing.await.map_err(|error| failed("cannot compare the tasks with the source", &error))? {
            0 => Ok(()),
            users => Err(SchemaError::Unusable(format!(
                "the tasks of {users} users differ from the source after the copy: nothing was changed. Perhaps a trigger or a \
                 rule of app.tasks changes what is inserted; or the source is a view that answers differently each time"
            ))),
        }
    }

    /// Puts the protection of `app.tasks` back, and commits.
    pub(super) async fn commit(self) -> Result<(), SchemaError> {
        self.run("cannot restore the protection of app.tasks", RESTORE).await?;
        self.run("cannot commit; run this again, it copies only what is missing", COMMIT).await
    }

    pub(super) async fn roll_back(self) -> Result<(), SchemaError> {
        self.run("cannot roll back", ROLLBACK).await
    }

    async fn run(&self, what: &str, sql: &str) -> Result<(), SchemaError> {
        self.client.batch_execute(sql).await.map_err(|error| failed(what, &error))
    }
}
