//! The transaction of a request: BEGIN, the identity, one query or two, and COMMIT, in one write.

use futures_util::future::{OptionFuture, join, join5};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, Row};

use super::connection::{PooledConnection, Role};
use super::statements::{
    BEGIN, BEGIN_READ, BEGIN_SNAPSHOT, COMMIT, IDENTIFY, IDENTIFY_ON_STANDBY, ROLLBACK, Statement,
    WAL_POSITION, WAL_REPLAYED,
};
use super::wal::WalPosition;
use super::{BoundQuery, Kind, sqlstate, wal};
use crate::auth::UserId;

/// The rows of one query or of two.
pub(super) type Rows = (Vec<Row>, Vec<Row>);

/// Why a transaction has no rows to return.
#[derive(Debug)]
pub(super) struct TransactionError {
    pub(super) error: Error,
    /// Whether the change may have been made all the same.
    pub(super) may_have_changed: bool,
}

/// Runs one query or two of the same kind as `user`. Leaves the connection dirty unless it is certain that its transaction
/// has ended.
pub(super) async fn run(
    connection: &mut PooledConnection,
    user: &UserId,
    first: &BoundQuery,
    second: Option<&BoundQuery>,
) -> Result<Rows, TransactionError> {
    connection.dirty = true;

    let queries = if second.is_some() { 2 } else { 1 };
    let (identify, log_statement) = match connection.manager.role {
        Role::Only => (&IDENTIFY, None),
        Role::Primary(_) => (&IDENTIFY, Some(&WAL_POSITION)),
        Role::Replica(_) => (&IDENTIFY_ON_STANDBY, Some(&WAL_REPLAYED)),
    };
    let (begin_statement, omitted_syncs) = match (first.query.kind, second) {
        // The COMMIT shares the Sync of the statement after it, if there is one.
        (Kind::Read, None) => (&BEGIN_READ, 2 + queries + usize::from(log_statement.is_some())),
        (Kind::Read, Some(_)) => (&BEGIN_SNAPSHOT, 2 + queries + usize::from(log_statement.is_some())),
        // The last query keeps its Sync. Otherwise a value that a constraint refuses would also skip the COMMIT, and the
        // rollback would take a second round trip.
        (Kind::Write | Kind::Insert, _) => (&BEGIN, 1 + queries),
    };
    omit_syncs(connection, omitted_syncs);
    let user = user.as_str();

    // The order of the arguments is the order on the wire.
    let ((begun, identified, first_rows, second_rows, committed), logged) = join(
        join5(
            begin(connection, begin_statement),
            without_sync(connection, connection.run(identify, &[&user])),
            run_query(connection, &user, first),
            OptionFuture::from(second.map(|second| run_query(connection, &user, second))),
            connection.run(&COMMIT, &[]),
        ),
        OptionFuture::from(log_statement.map(|statement| connection.run(statement, &[]))),
    )
    .await;
    let rows =
        first_rows.and_then(|first_rows| Ok((first_rows, second_rows.transpose()?.unwrap_or_default())));
    let logged = logged.transpose();

    // A COMMIT that was executed has rolled back a failed transaction. One that was skipped has not.
    let has_ended = committed.is_ok() || begun.is_ok() && connection.run(&ROLLBACK, &[]).await.is_ok();
    let errors =
        [identified.as_ref().err(), rows.as_ref().err(), committed.as_ref().err(), logged.as_ref().err()];
    let is_unusable = errors.into_iter().flatten().any(sqlstate::makes_connection_unusable);
    connection.dirty = begun.is_err() || !has_ended || is_unusable;

    let is_write = first.query.kind != Kind::Read;
    // Errors of Postgres arrive in order, so that one before the answer of the COMMIT says that nothing was changed. The
    // connection can also end without one. And a pooler ends it with an error of its own, whatever Postgres has done.
    let is_of_pooler = |error: &Error| {
        let is_connection_exception = error.code().is_some_and(|state| state.code().starts_with("08"));
        sqlstate::is_fatal(error) && (connection.backend.is_pooled || is_connection_exception)
    };
    let lost = |error: &Error| match error.as_db_error() {
        Some(_) => is_of_pooler(error),
        None => sqlstate::is_lost(error),
    };
    let before_commit = |error| TransactionError { may_have_changed: is_write && lost(&error), error };
    begun.map_err(before_commit)?;
    let identified = identified.map_err(before_commit)?;
    let rows = rows.map_err(before_commit)?;
    committed.map_err(|error| TransactionError {
        may_have_changed: is_write && sqlstate::may_have_committed(&error),
        error,
    })?;
    // Without its position, the next read of the client could be older than this change.
    let logged = logged.map_err(|error| TransactionError { may_have_changed: is_write, error })?;
    if let Some(logged) = logged {
        note_log(connection, &identified, &logged, second.is_some());
    }
    Ok(rows)
}

/// Takes down what the transaction can have seen of the write-ahead log.
fn note_log(connection: &mut PooledConnection, identified: &[Row], logged: &[Row], has_one_snapshot: bool) {
    let is_replica = matches!(connection.manager.role, Role::Replica(_));
    let Some(log) = &mut connection.log else { return };
    if !is_replica {
        log.at_most = wal::position(logged);
        return;
    }
    let at_identity = wal::replayed(identified);
    let at_end = wal::replayed(logged);
    // The one snapshot of two queries is older than the row that tells the position: what was known before holds.
    log.at_least = at_identity.map(|lsn| if has_one_snapshot { log.replayed } else { lsn });
    log.at_most = at_end.map(|lsn| WalPosition { timeline: log.lineage.timeline, lsn });
    log.replayed = at_end.unwrap_or(0);
}

/// Asks a standby how far it has replayed the write-ahead log.
pub(super) async fn ask_replayed(connection: &mut PooledConnection) -> Result<(), Error> {
    connection.dirty = true;
    let replayed = wal::replayed(&connection.run(&WAL_REPLAYED, &[]).await?);
    connection.dirty = false;
    if let Some(log) = &mut connection.log {
        log.replayed = replayed.unwrap_or(0);
    }
    Ok(())
}

/// Drops the Syncs of the next `statements`, and of the settings that belong to the transaction.
pub(super) fn omit_syncs(connection: &PooledConnection, statements: usize) {
    connection.pipeline.omit_syncs(statements + usize::from(connection.transaction_settings.is_some()));
}

/// Begins a transaction, with the settings of requests if the connection does not keep them.
pub(super) async fn begin(connection: &PooledConnection, statement: &Statement) -> Result<(), Error> {
    let settings = connection.transaction_settings.as_ref();
    let (begun, applied) = join(
        connection.run(statement, &[]),
        OptionFuture::from(settings.map(|settings| connection.apply(settings, true))),
    )
    .await;
    begun?;
    applied.unwrap_or(Ok(()))
}

/// Runs one query inside the transaction, with the user id as its first parameter if it binds one.
async fn run_query(
    connection: &PooledConnection,
    user: &&str,
    BoundQuery { query, parameters }: &BoundQuery,
) -> Result<Vec<Row>, Error> {
    let mut bound: Vec<&(dyn ToSql + Sync)> = Vec::with_capacity(parameters.len() + 1);
    if query.kind != Kind::Insert {
        bound.push(user);
    }
    bound.extend(parameters.iter().map(|parameter| &**parameter as &(dyn ToSql + Sync)));

    let rows = connection.run(&query.statement, &bound);
    if query.kind == Kind::Read { without_sync(connection, rows).await } else { rows.await }
}

/// Runs one statement of the pipeline without its Sync. If the driver refuses its parameters, it never sends the
/// statement, and the pipeline drops one Sync less.
pub(super) async fn without_sync<T>(
    connection: &PooledConnection,
    answer: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let answer = answer.await;
    if answer.as_ref().is_err_and(|error| error.as_db_error().is_none()) {
        connection.pipeline.statement_not_sent();
    }
    answer
}
