//! Connecting to a database that may still be starting.

use std::time::Duration;

use tokio::time::timeout;
use tokio_postgres::Client;

use super::SchemaError;
use crate::database::{Address, ConnectError};
use crate::session::connect_once;

/// How long reading the version and the checks may take.
const CHECK_TIMEOUT: Duration = Duration::from_secs(10);

/// The longest pause between two attempts of [`wait_for`].
const LONGEST_PAUSE: Duration = Duration::from_secs(4);

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
                if !is_transient(&error) || pause > Duration::from_secs(8) {
                    return Err(SchemaError(format!("cannot connect to {address}: {error}")));
                }
                tracing::warn!(cause = %error, "{address} does not answer, trying again");
            }
        }
        tokio::time::sleep(pause).await;
        pause *= 2;
    }
}

/// Waits until the database can be reached, for as long as it takes.
///
/// # Errors
/// A failure that waiting does not mend: a wrong password, no such database, a certificate that cannot be verified.
pub async fn wait_for(address: &Address) -> Result<(), SchemaError> {
    let mut pause = Duration::from_millis(250);
    loop {
        match connect_once(address).await {
            Ok(_) => return Ok(()),
            Err(error) if is_transient(&error) || matches!(error, ConnectError::TimedOut) => {
                tracing::warn!(cause = %error, "{address} cannot be reached, trying again");
            }
            Err(error) => return Err(SchemaError(format!("cannot connect to {address}: {error}"))),
        }
        tokio::time::sleep(pause).await;
        pause = (2 * pause).min(LONGEST_PAUSE);
    }
}

/// Whether a database that is starting, or is out of reach for a moment, gives this error.
fn is_transient(error: &ConnectError) -> bool {
    match error {
        // The time-out of a connection has passed already.
        ConnectError::TimedOut | ConnectError::File(_) => false,
        ConnectError::Refused(error) => match error.code().map(|state| state.code()) {
            // operator_intervention (starting up, shutting down), insufficient_resources (too many connections)
            Some(code) => code.starts_with("57P") || code.starts_with("53"),
            None => !error.to_string().contains("TLS"),
        },
        ConnectError::Socket(_) | ConnectError::Closed => true,
    }
}

/// Waits for `check`, but not for ever.
pub(super) async fn with_timeout<T>(
    address: &Address,
    check: impl Future<Output = Result<T, SchemaError>>,
) -> Result<T, SchemaError> {
    let timed_out = |_| SchemaError(format!("{address} does not answer"));
    timeout(CHECK_TIMEOUT, check).await.map_err(timed_out)?
}
