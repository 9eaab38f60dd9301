//! The data that a server reads from its database before it serves.

use std::collections::HashMap;

use tokio_postgres::{Client, Error};

use super::connect::{cannot_connect, with_timeout};
use super::server::check_server;
use super::{SchemaError, Version};
use crate::cursor::Cursors;
use crate::database::{Address, describe, identifier, is_temporary};
use crate::refusal::ConstraintMessages;
use crate::session::connect_once;

const CURSOR_KEY: &str = include_str!("../../sql/schema/cursor_key.sql");
const CONSTRAINT_MESSAGES: &str = include_str!("../../sql/schema/constraint_messages.sql");

/// The data that every instance of the server reads from the database at start.
pub struct ServingData {
    /// The texts that clients read when a constraint refuses a value.
    pub constraint_messages: ConstraintMessages,
    /// Encrypts and decrypts the cursors of lists.
    pub cursors: Cursors,
}

/// Checks that requests can be served from the database at `address`, and reads what the server needs to know.
///
/// # Errors
/// The problem, and the command that fixes it; at once if the database cannot be reached.
pub async fn ready_to_serve(address: &Address) -> Result<ServingData, SchemaError> {
    let client = connect_once(address).await.map_err(|error| cannot_connect(address, &error))?;
    with_timeout(address, read(&client, address)).await
}

async fn read(client: &Client, address: &Address) -> Result<ServingData, SchemaError> {
    let server = check_server(client).await?;
    if let Some(safe) = server.safe_release {
        tracing::warn!(
            rowkeep.postgres = server.name,
            rowkeep.postgres_fixed = safe,
            "row security has a known hole in this release (CVE-2026-120154): update PostgreSQL"
        );
    }

    let wanted = Version::of_this_release();
    let found = Version::of_database(client).await.map_err(|error| explain_privileges(&error, address))?;
    match found {
        None => {
            return Err(SchemaError::Unusable(format!(
                "{address} has not been migrated; run `rowkeep migrate`"
            )));
        }
        Some(found) if found.migration > wanted.migration => {
            tracing::warn!(
                rowkeep.database_migration = found.migration,
                rowkeep.release_migration = wanted.migration,
                "the database is ahead of this release"
            );
        }
        Some(found) if found.migration < wanted.migration => {
            return Err(SchemaError::Unusable(format!(
                "{address} is behind: it has migration {}, this release needs {}; run `rowkeep migrate`",
                found.migration, wanted.migration
            )));
        }
        Some(found) if found.has_newer_policies_than(&wanted) => {
            tracing::warn!(
                rowkeep.database_policies = found.policies,
                rowkeep.release_policies = wanted.policies,
                "the policies of the database are of a newer release"
            );
        }
        Some(found) if found.policies != wanted.policies => {
            return Err(SchemaError::Unusable(format!(
                "the policies of {address} are of an older release; run `rowkeep migrate`"
            )));
        }
        Some(_) => {}
    }

    Ok(ServingData {
        constraint_messages: constraint_messages(client).await?,
        cursors: cursors(client).await?,
    })
}

async fn cursors(client: &Client) -> Result<Cursors, SchemaError> {
    let rows = client.query_typed(CURSOR_KEY, &[]).await?;
    let key: Option<Vec<u8>> = rows.first().map(|row| row.try_get(0)).transpose()?.flatten();
    key.and_then(|key| Cursors::new(&key)).ok_or_else(|| {
        SchemaError::Unusable(
            "the database has no key of 32 bytes for the cursors of lists; create one: \
             INSERT INTO rowkeep.cursor_keys DEFAULT VALUES;"
                .into(),
        )
    })
}

async fn constraint_messages(client: &Client) -> Result<ConstraintMessages, SchemaError> {
    let mut messages = HashMap::new();
    for row in client.query_typed(CONSTRAINT_MESSAGES, &[]).await? {
        let constraint: String = row.try_get(0)?;
        let Some(message) = row.try_get(1)? else {
            return Err(SchemaError::Unusable(format!(
                "constraint {constraint} has no comment, and its comment is the message for clients; \
                 write one: COMMENT ON CONSTRAINT {constraint} ON app.<table> IS '...';"
            )));
        };
        messages.insert(constraint, message);
    }
    Ok(ConstraintMessages(messages))
}

fn explain_privileges(error: &Error, address: &Address) -> SchemaError {
    let mut text = format!("{address}: {}", describe(error));
    if error.code().is_some_and(|state| state.code() == "42501") {
        let user = identifier(address.config().get_user().unwrap_or("the_login"));
        text.push_str(&format!(
            "; the login must be a member of rowkeep_api that inherits: GRANT rowkeep_api TO {user}; ALTER ROLE {user} \
             INHERIT; ALTER ROLE {user} SET role = 'rowkeep_api';"
        ));
    }
    SchemaError::new(is_temporary(error), text)
}
