//! The table that is adopted, read in one snapshot.

use tokio_postgres::types::Oid;
use tokio_postgres::{Client, CopyOutStream, Error};

use super::columns::{Column, Columns};
use super::failed;
use crate::database::Address;
use crate::schema::{SchemaError, connect};

/// Adds up the tasks of each user, in the source and in the target.
pub(super) const SUMS: &str = include_str!("../../sql/adopt/sums.sql");

const BEGIN: &str = include_str!("../../sql/adopt/source_begin.sql");
const TABLE: &str = include_str!("../../sql/adopt/source_table.sql");
const SETTINGS: &str = include_str!("../../sql/adopt/source_settings.sql");
const RELATION: &str = include_str!("../../sql/adopt/source_relation.sql");
const CANDIDATES: &str = include_str!("../../sql/adopt/source_candidates.sql");
const COLUMNS: &str = include_str!("../../sql/adopt/source_columns.sql");
const STATEMENTS: &str = include_str!("../../sql/adopt/source_statements.sql");

/// The oldest major release that can be read. It brought SHA-256.
const OLDEST_POSTGRES: i32 = 11;

/// Which table is adopted.
#[derive(Clone, Debug)]
pub struct Table {
    /// The name as psql takes it, with quotes where SQL needs them.
    pub name: String,
    /// The column with the user's id.
    pub user_column: String,
    /// The column that says whether a task is completed.
    pub completed_column: String,
}

/// A transaction that reads the source. It ends with the connection.
pub(super) struct Source {
    client: Client,
    /// The name with its schema, quoted where SQL needs it.
    pub(super) name: String,
    pub(super) columns: Columns,
    statements: Statements,
}

/// The statements that read the source.
struct Statements {
    rows: String,
    sums: String,
    count: String,
}

impl Source {
    /// Finds the table. `target` is the process id of the session that writes.
    pub(super) async fn open(address: &Address, table: &Table, target: i32) -> Result<Self, SchemaError> {
        let client = connect(address).await?;
        let fail = |error: Error| failed(&format!("cannot read the catalogue of {address}"), &error);
        client.batch_execute(BEGIN).await.map_err(fail)?;
        let relation = find(&client, address, &table.name).await?;

        let row = client.query_one(RELATION, &[&relation, &target]).await.map_err(fail)?;
        let read = || Ok((row.try_get("name")?, row.try_get("server")?, row.try_get("major")?));
        let (name, server, major): (String, String, i32) = read().map_err(fail)?;
        let read = || Ok((row.try_get("has_rows")?, row.try_get("is_own")?));
        let (has_rows, is_own): (bool, bool) = read().map_err(fail)?;
        if major < OLDEST_POSTGRES {
            return refuse(format!(
                "{address} is PostgreSQL {server}, and {OLDEST_POSTGRES} or newer is needed: restore a dump of it into a newer \
                 release, and adopt from there"
            ));
        }
        if !has_rows {
            return refuse(format!("{name} of {address} is not a table or a view"));
        }
        if is_own {
            return refuse(format!(
                "{name} of {address} is the table that the tasks would be copied into: name the database of the old server \
                 with SOURCE_DATABASE_URL, and its table with --table"
            ));
        }

        let rows = client.query(COLUMNS, &[&relation]).await.map_err(fail)?;
        let columns = rows.iter().map(Column::of).collect::<Result<Vec<_>, _>>().map_err(fail)?;
        let columns = Columns::of(&columns, table)
            .map_err(|problem| SchemaError::Unusable(format!("{name} {problem}")))?;

        let row = client
            .query_one(STATEMENTS, &[&relation, &table.user_column, &table.completed_column, &SUMS])
            .await;
        let row = row.map_err(fail)?;
        let read = || {
            Ok(Statements {
                rows: row.try_get("rows")?,
                sums: row.try_get("sums")?,
                count: row.try_get("count")?,
            })
        };
        let statements = read().map_err(fail)?;
        Ok(Self { client, name, columns, statements })
    }

    /// The number of rows.
    pub(super) async fn count(&self) -> Result<u64, SchemaError> {
        let count = async {
            let row = self.client.query_one(&self.statements.count, &[]).await?;
            row.try_get::<_, i64>(0)
        };
        count.await.map(i64::cast_unsigned).map_err(|error| self.failed(&error))
    }

    /// The rows, with the columns of a task, in PostgreSQL's binary format. Postgres sends a message for each row.
    pub(super) async fn rows(&self) -> Result<CopyOutStream, SchemaError> {
        self.client.copy_out(&self.statements.rows).await.map_err(|error| self.failed(&error))
    }

    /// How many tasks each user has, and a checksum of them, in the same format.
    pub(super) async fn sums(&self) -> Result<CopyOutStream, SchemaError> {
        self.client.copy_out(&self.statements.sums).await.map_err(|error| self.failed(&error))
    }

    /// An error of a query that reads the rows.
    pub(super) fn failed(&self, error: &Error) -> SchemaError {
        let hides_rows =
            error.as_db_error().is_some_and(|db| db.message().contains("affected by row-level security"));
        let advice = if hides_rows {
            "\nRow-level security hides rows of this table from the login, and a part of the tasks is not adopted: use a login \
             that sees every row (the owner of a table without FORCE, BYPASSRLS, or a superuser)"
        } else {
            ""
        };
        let mut failure = failed(&format!("cannot read {}", self.name), error);
        if let SchemaError::Unavailable(text) | SchemaError::Unusable(text) = &mut failure {
            text.push_str(advice);
        }
        failure
    }
}

/// The relation with this name.
async fn find(client: &Client, address: &Address, name: &str) -> Result<Oid, SchemaError> {
    let found = async {
        let row = client.query_one(TABLE, &[&name]).await?;
        row.try_get::<_, Option<Oid>>(0)
    };
    let found = match found.await {
        Ok(found) => found,
        // syntax_error, invalid_name, feature_not_supported (a name of three parts)
        Err(error) if matches!(error.code().map(|state| state.code()), Some("42601" | "42602" | "0A000")) => {
            return refuse(format!(
                "--table {name:?} is not the name of a table: write schema.table, and quote a part with capitals, spaces or dots \
                 as SQL does, for instance --table 'public.\"Tasks\"'"
            ));
        }
        Err(error) => return Err(failed(&format!("cannot look for {name} in {address}"), &error)),
    };
    let fail = |error: Error| failed(&format!("cannot read the catalogue of {address}"), &error);
    client.batch_execute(SETTINGS).await.map_err(fail)?;
    if let Some(relation) = found {
        return Ok(relation);
    }

    let rows = client.query(CANDIDATES, &[]).await.map_err(fail)?;
    let names =
        rows.iter().map(|row| row.try_get::<_, String>(0)).collect::<Result<Vec<_>, _>>().map_err(fail)?;
    let names = if names.is_empty() { "none".into() } else { names.join(", ") };
    refuse(format!("{address} has no table {name}; tables with a column title: {names}"))
}

fn refuse<T>(problem: String) -> Result<T, SchemaError> {
    Err(SchemaError::Unusable(problem))
}
