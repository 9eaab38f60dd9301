//! Connecting to a database that may still be starting.

use std::time::Duration;

use tokio::time::timeout;
use tokio_postgres::Client;

use super::SchemaError;
use crate::database::{Address, ConnectError};
use crate::session::connect_once;

/// How long reading the version and the checks may take.
const CHECK_TIMEOUT: Duration = Duration::from_secs(10);

/// Connects, and tries again for about a quarter of a minute while the database starts.
///
/// # Errors
/// The last failure. Comes at once when trying again would not help (a wrong password, no such database).
pub async fn connect(address: &Address) -> Result<Client, SchemaError> {
    let mut pause = Duration::from_millis(250);
    loop {
        match connect_once(address).await {
            Ok(client) => return Ok(client),
            Err(error) => {
                // A connection that timed out has waited long enough.
                let gives_up = pause > Duration::from_secs(8) || matches!(error, ConnectError::TimedOut);
                if gives_up || !error.is_temporary() {
                    return Err(cannot_connect(address, &error));
                }
                tracing::warn!(
                    rowkeep.database = %address,
                    error.message = %error,
                    "the database does not answer, trying again"
                );
            }
        }
        tokio::time::sleep(pause).await;
        pause *= 2;
    }
}

pub(super) fn cannot_connect(address: &Address, error: &ConnectError) -> SchemaError {
    SchemaError::new(error.is_temporary(), format!("cannot connect to {address}: {error}"))
}

/// Waits for `check`, but not for ever.
pub(super) async fn with_timeout<T>(
    address: &Address,
    check: impl Future<Output = Result<T, SchemaError>>,
) -> Result<T, SchemaError> {
    let timed_out = |_| SchemaError::Unavailable(format!("{address} does not answer"));
    timeout(CHECK_TIMEOUT, check).await.map_err(timed_out)?
}
