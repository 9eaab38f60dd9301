//! Finds out whether a connection pooler stands between this program and Postgres.

use tokio_postgres::Client;

use super::connection::run_unnamed;
use super::hosts::connect;
use super::pipeline::Pipeline;
use super::statements::POOLER;
use crate::database::{Address, CONNECT_TIMEOUT, ConnectError};
use crate::time_limit::within;

/// A connection pooler, such as PgBouncer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pooler {
    /// Host and port of Postgres, as the pooler sees them; none: it uses a Unix socket.
    pub server: Option<(String, i32)>,
}

/// Opens one connection for checks and commands. It closes when the client is dropped.
///
/// Its named statements have names that no other process has: behind a pooler the server may know theirs. Outside a
/// transaction, use `query_typed`, which names no statement.
///
/// # Errors
/// When the server cannot be reached, refuses the login, or does not answer in time.
pub async fn connect_once(address: &Address) -> Result<Client, ConnectError> {
    connect(&address.refreshed()?, &Pipeline::default(), CONNECT_TIMEOUT).await
}

/// The pooler at this address; `None` if Postgres itself is there.
///
/// Postgres tells its client the process id of the backend. A pooler tells its own clients another number, because it gives
/// them a backend for each transaction.
///
/// # Errors
/// When the server cannot be reached, refuses the login, or does not answer in time.
pub async fn find_pooler(address: &Address) -> Result<Option<Pooler>, ConnectError> {
    let find = async {
        let pipeline = Pipeline::default();
        let client = connect(&address.refreshed()?, &pipeline, CONNECT_TIMEOUT).await?;
        let rows = run_unnamed(&client, &POOLER, &[]).await?;
        let row = rows.first().ok_or(ConnectError::Closed)?;
        let process_id: i32 = row.try_get("process_id")?;
        if u32::try_from(process_id) == Ok(pipeline.process_id()) {
            return Ok(None);
        }
        let (host, port): (Option<String>, Option<i32>) = (row.try_get("host")?, row.try_get("port")?);
        Ok(Some(Pooler { server: host.zip(port) }))
    };
    within(CONNECT_TIMEOUT, find).await.unwrap_or(Err(ConnectError::TimedOut))
}
