//! Which migrations and policies have been applied to a database.

use tokio_postgres::{Client, Error};

use super::{migrations, policies};

const VERSION: &str = include_str!("../../sql/schema/version.sql");

/// What has been applied to a database, or what this release would apply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// The number of the last migration.
    pub migration: i32,
    /// The SHA-256 of the policies, in hexadecimal.
    pub policies: String,
}

impl Version {
    /// The version that this release brings.
    pub fn of_this_release() -> Self {
        let runner = migrations::runner();
        let versions = runner.get_migrations().iter().map(|migration| migration.version());
        Self { migration: versions.max().unwrap_or(0), policies: policies::digest() }
    }

    /// Whether a newer release than this one has migrated the database or applied its policies.
    pub fn is_ahead_of(&self, release: &Self) -> bool {
        self.migration > release.migration || self.has_newer_policies_than(release)
    }

    /// Whether the policies are those of a newer release than this one.
    pub fn has_newer_policies_than(&self, release: &Self) -> bool {
        self.policies != release.policies && !policies::is_older(&self.policies)
    }

    /// The version that the database has on record; `None` if it was never migrated, or has lost the function that says so.
    ///
    /// The record says what was applied once. It does not say whether those objects are still there.
    pub(crate) async fn of_database(client: &Client) -> Result<Option<Self>, Error> {
        match client.query_typed(VERSION, &[]).await {
            Ok(rows) => {
                let Some(row) = rows.first() else { return Ok(None) };
                Ok(match (row.try_get(0)?, row.try_get(1)?) {
                    (Some(migration), Some(policies)) => Some(Self { migration, policies }),
                    _ => None,
                })
            }
            // invalid_schema_name, undefined_function, undefined_table
            Err(error) if matches!(error.code().map(|c| c.code()), Some("3F000" | "42883" | "42P01")) => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}
