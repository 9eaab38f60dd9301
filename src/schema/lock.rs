//! The lock for changing a database: one process at a time migrates or adopts.
//!
//! It is the row of `rowkeep.lock`, which only the owner can lock. A connection of its own holds it in one transaction, while
//! the migrations have theirs. A database without that table has an advisory lock instead, which every login can take.

use std::pin::pin;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Error};

use super::connect::connect;
use super::{MIGRATING, SchemaError};
use crate::database::{Address, describe, is_temporary};

const BEGIN: &str = include_str!("../../sql/schema/begin.sql");
const PROCESS_ID: &str = include_str!("../../sql/session/pooler.sql");
const LOCK_TIMEOUT: &str = include_str!("../../sql/schema/lock_timeout.sql");
const IS_THERE: &str = include_str!("../../sql/schema/lock_is_there.sql");
const ROW: &str = include_str!("../../sql/schema/lock.sql");
const BEFORE_TABLE: &str = include_str!("../../sql/schema/lock_before_table.sql");
const OF_OLDER_RELEASES: &str = include_str!("../../sql/schema/lock_of_older_releases.sql");
const BLOCKERS: &str = include_str!("../../sql/schema/lock_blockers.sql");
const TABLE_USERS: &str = include_str!("../../sql/schema/table_users.sql");
const SESSIONS: &str = include_str!("../../sql/schema/sessions.sql");

/// How long to wait for another process that changes the same database, unless the caller says otherwise.
pub(super) const LOCK_WAIT: Duration = Duration::from_secs(300);

/// When the log first says who has the lock, and how often it says it again.
const FIRST_LINE: Duration = Duration::from_millis(250);
const LINE_INTERVAL: Duration = Duration::from_secs(15);

/// How often the connection that holds the lock is tried, which also keeps it open, and how long its answer may take.
const CHECK_INTERVAL: Duration = Duration::from_secs(5);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);

/// The lock. It is released when this is dropped.
pub struct MigrationLock {
    holder: Client,
    process_id: i32,
    wait: Duration,
    has_row: bool,
    has_advisory: bool,
}

impl MigrationLock {
    /// Takes the lock, and waits for it if another session has it: at most `wait`. Meanwhile `client` asks who that is.
    ///
    /// # Errors
    /// The session that did not release the lock in time.
    pub(super) async fn take(
        address: &Address,
        client: &Client,
        wait: Duration,
    ) -> Result<Self, SchemaError> {
        let holder = connect(address).await?;
        holder.batch_execute(MIGRATING).await?;
        holder.batch_execute(BEGIN).await?;
        // Zero would be no limit.
        let milliseconds = wait.as_millis().max(1).to_string();
        holder.query_typed(LOCK_TIMEOUT, &[(&milliseconds, Type::TEXT)]).await?;
        let rows = holder.query_typed(PROCESS_ID, &[]).await?;
        let process_id = rows.first().ok_or_else(no_row)?.try_get("process_id")?;

        let mut lock = Self { holder, process_id, wait, has_row: false, has_advisory: false };
        lock.take_row(client).await?;
        if !lock.has_row {
            lock.wait_for(BEFORE_TABLE, client).await?;
            lock.has_advisory = true;
            // Another process may have made the table meanwhile.
            lock.take_row(client).await?;
        }
        Ok(lock)
    }

    /// Whether this is the lock of the row, which other roles cannot take.
    pub(super) fn has_row(&self) -> bool {
        self.has_row
    }

    /// Takes the lock of the row, if the table is there and this login may.
    ///
    /// # Errors
    /// As [`MigrationLock::take`].
    pub(super) async fn take_row(&mut self, client: &Client) -> Result<(), SchemaError> {
        let rows = client.query_typed(IS_THERE, &[]).await?;
        if self.has_row || !rows.first().ok_or_else(no_row)?.try_get::<_, bool>(0)? {
            return Ok(());
        }
        self.wait_for(ROW, client).await?;
        self.has_row = true;
        if self.has_advisory { Ok(()) } else { stop_older_releases(client).await }
    }

    /// The result of `work`, which is stopped if the connection that holds the lock is lost: another process could begin.
    ///
    /// # Errors
    /// That the connection is lost; whatever `work` returns otherwise.
    pub async fn during<T, E: From<SchemaError>>(
        &self,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        tokio::select! {
            biased;
            done = work => done,
            lost = self.lost() => Err(lost.into()),
        }
    }

    /// Resolves when the connection is lost.
    async fn lost(&self) -> SchemaError {
        loop {
            sleep(CHECK_INTERVAL).await;
            let cause = match timeout(ANSWER_TIMEOUT, self.holder.check_connection()).await {
                Ok(Ok(())) => continue,
                Ok(Err(error)) => describe(&error),
                Err(_) => "the server does not answer".into(),
            };
            return SchemaError::Unavailable(format!(
                "the connection that holds the lock of this database is lost: {cause}. The work was stopped, because \
                 another process could begin: run it again"
            ));
        }
    }

    async fn wait_for(&self, lock: &str, client: &Client) -> Result<(), SchemaError> {
        let started = Instant::now();
        let mut taking = pin!(self.holder.query_typed(lock, &[]));
        let (mut pause, mut held_by) = (FIRST_LINE, None);
        loop {
            let taken = tokio::select! {
                biased;
                taken = &mut taking => taken,
                () = sleep(pause) => {
                    if started.elapsed() > self.wait + ANSWER_TIMEOUT {
                        return Err(SchemaError::Unavailable("the server does not answer".into()));
                    }
                    held_by = self.blockers(client).await.or(held_by);
                    let held_by = held_by.as_deref().unwrap_or_default();
                    tracing::info!(
                        rowkeep.held_by = held_by,
                        "another process is changing this database, waiting for it"
                    );
                    pause = LINE_INTERVAL;
                    continue;
                }
            };
            return match taken {
                Ok(rows) if rows.is_empty() => Err(no_row()),
                Ok(_) => Ok(()),
                Err(error) if is_lock_conflict(&error) => Err(self.refused(held_by.as_deref())),
                Err(error) => {
                    let text = format!("cannot wait for the lock of this database: {}", describe(&error));
                    Err(SchemaError::new(is_temporary(&error), text))
                }
            };
        }
    }

    /// The sessions that have the lock. None if they cannot be read.
    async fn blockers(&self, client: &Client) -> Option<String> {
        described(client, BLOCKERS, &[(&self.process_id, Type::INT4)]).await
    }

    fn refused(&self, held_by: Option<&str>) -> SchemaError {
        let seconds = self.wait.as_secs();
        let held_by = held_by.unwrap_or("another session");
        SchemaError::Unusable(format!(
            "another process has been changing this database for {seconds} s: {held_by}.\nRun this again when it is done. To \
             end it: SELECT pg_terminate_backend(<process>);"
        ))
    }
}

/// Other sessions that use tables of schema `app`, for an error. Empty if there is none.
pub(crate) async fn table_users(client: &Client) -> String {
    let sessions = described(client, TABLE_USERS, &[]).await;
    sessions.map(|sessions| format!("\nIn use by: {sessions}")).unwrap_or_default()
}

/// Describes the sessions whose process ids `query` returns. None if there is none, or if they cannot be read.
async fn described(client: &Client, query: &str, values: &[(&(dyn ToSql + Sync), Type)]) -> Option<String> {
    let found = async {
        let process_ids: Vec<i32> = client.query_typed(query, values).await.ok()?.first()?.try_get(0).ok()?;
        let rows = client.query_typed(SESSIONS, &[(&process_ids, Type::INT4_ARRAY)]).await.ok()?;
        rows.first()?.try_get(0).ok()?
    };
    timeout(ANSWER_TIMEOUT, found).await.ok()?
}

/// Takes the lock of releases that do not know the row, so that they wait. They do not stop this one.
async fn stop_older_releases(client: &Client) -> Result<(), SchemaError> {
    match client.query_typed(OF_OLDER_RELEASES, &[]).await {
        Ok(rows) => {
            if !rows.first().ok_or_else(no_row)?.try_get::<_, bool>(0)? {
                tracing::warn!(
                    rowkeep.advice = "this release does not wait for it. An older `rowkeep migrate` may be running: see pg_locks",
                    "another session holds the advisory lock of older releases"
                );
            }
            Ok(())
        }
        // insufficient_privilege: somebody took the function from PUBLIC. Then an older release cannot call it either.
        Err(error) if error.code().is_some_and(|state| state.code() == "42501") => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn no_row() -> SchemaError {
    SchemaError::Unusable(
        "rowkeep.lock has no row; run as rowkeep_owner: INSERT INTO rowkeep.lock DEFAULT VALUES;".into(),
    )
}

/// lock_not_available, or a deadlock with requests that are being served.
pub(crate) fn is_lock_conflict(error: &Error) -> bool {
    matches!(error.code().map(|state| state.code()), Some("55P03" | "40P01"))
}
