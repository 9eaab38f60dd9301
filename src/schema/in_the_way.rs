//! What stands in the way of a migration. It is looked for before the first write, so that a refusal leaves nothing behind.

use tokio_postgres::{Client, Error};

use super::SchemaError;
use super::migrate::PRIVILEGES;
use crate::database::Address;

const IN_THE_WAY: &str = include_str!("../../sql/schema/in_the_way.sql");
const MAY_CREATE: &str = include_str!("../../sql/schema/may_create.sql");

/// Refuses a database in which another program has the schemas `app` or `rowkeep`, or in which they are without their history.
///
/// # Errors
/// Whose schema it is, and the way out.
pub(super) async fn refuse_foreign_schemas(client: &Client, address: &Address) -> Result<(), SchemaError> {
    for row in client.query(IN_THE_WAY, &[]).await? {
        let (schema, owner): (String, String) = (row.try_get("schema")?, row.try_get("owner")?);
        let contents: Option<String> = row.try_get("contents")?;
        let (is_ours, has_history): (bool, bool) = (row.try_get("is_ours")?, row.try_get("has_history")?);
        if !is_ours {
            return Err(foreign(address, &schema, &owner, contents.as_deref(), has_history));
        }
        if schema == "app" && !has_history {
            return Err(SchemaError::Unusable(format!(
                "{address} has a schema app, but rowkeep.migrations does not say what has been applied to it.\n\
                 After a restore: the dump was made or restored without schema rowkeep. Restore the whole dump into an empty \
                 database; docs/operate.md says how to load the rows alone."
            )));
        }
    }
    let row = client.query_one(MAY_CREATE, &[]).await?;
    if row.try_get::<_, bool>("may_create")? {
        return Ok(());
    }
    let (login, database): (String, String) = (row.try_get("login")?, row.try_get("database")?);
    Err(SchemaError::Unusable(format!(
        "the login {login} may not create schemas in the database {database}. {PRIVILEGES}"
    )))
}

/// Whether a schema `app` or `rowkeep` is of another program, and nothing of Rowkeep was ever there.
pub(crate) async fn has_foreign_schemas(client: &Client) -> Result<bool, Error> {
    for row in client.query_typed(IN_THE_WAY, &[]).await? {
        if !row.try_get::<_, bool>("is_ours")? && !row.try_get::<_, bool>("has_history")? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn foreign(
    address: &Address,
    schema: &str,
    owner: &str,
    contents: Option<&str>,
    has_history: bool,
) -> SchemaError {
    let mut text =
        format!("{address} has a schema {schema} that Rowkeep did not make. It belongs to the role {owner}");
    text.push_str(&match contents {
        Some(contents) => format!(", and holds {contents}."),
        None => format!(", and is empty. To make room: DROP SCHEMA {schema};"),
    });
    if has_history {
        text.push_str("\nThe database was migrated once: if its objects are lost, restore the whole dump into an empty database.");
    }
    text.push_str(
        "\nNothing was changed. If the schema is of another program, give Rowkeep a database of its own: CREATE DATABASE tasks \
         ENCODING 'UTF8' TEMPLATE template0; and name it in DATABASE_URL and MIGRATION_DATABASE_URL. Rowkeep cannot use \
         schemas of other names; docs/operate.md says why.",
    );
    SchemaError::Unusable(text)
}
