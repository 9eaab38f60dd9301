//! The session of a command that changes rows of all users, such as `rowkeep adopt`.

use tokio_postgres::Client;

use super::connect::{connect, with_timeout};
use super::lock::{LOCK_WAIT, MigrationLock};
use super::migrate::{refuse_newer, refuse_pooler, with_advice};
use super::server::check_server;
use super::{MIGRATING, MigrateOptions, SchemaError, Version};
use crate::database::Address;

/// A session of the migrating login for a command that changes rows of all users, in a database of this release, and the lock
/// that keeps others from changing the database. The session has the settings of a migration.
///
/// # Errors
/// No connection; a connection pooler; a database of another release; another process that changes the database.
pub async fn maintenance_session(address: &Address) -> Result<(Client, MigrationLock), SchemaError> {
    let client = connect(address).await?;
    refuse_pooler(address).await?;
    let lock = MigrationLock::take(address, &client, LOCK_WAIT).await?;
    client.batch_execute(MIGRATING).await?;
    let check = async {
        check_server(&client).await?;
        let wanted = Version::of_this_release();
        let found = Version::of_database(&client).await;
        let found =
            found.map_err(|error| with_advice(&error, &format!("cannot read the version of {address}")))?;
        refuse_newer(found.as_ref(), &wanted, MigrateOptions::default(), address)?;
        match found {
            Some(found) if found == wanted => Ok(()),
            _ => Err(SchemaError::Unusable(format!(
                "{address} is not of this release: run `rowkeep migrate` first"
            ))),
        }
    };
    with_timeout(address, check).await?;
    Ok((client, lock))
}
