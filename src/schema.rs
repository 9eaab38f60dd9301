//! Migrates a database and applies the policies. Checks whether a database fits this release.

mod connect;
mod migrate;
mod policies;
mod server;
mod serving;
mod version;

use tokio_postgres::Error;

use crate::database::describe;
pub use connect::{connect, wait_for};
pub use migrate::{MigrateOptions, Migrated, migrate, migrate_with};
pub use server::OLDEST_POSTGRES;
pub use serving::{ServingData, ready_to_serve};
pub use version::Version;

/// The folder `migrations/`, as it was when this release was built.
mod embedded {
    refinery::embed_migrations!("migrations");
}
use embedded::migrations;

/// Why a database cannot be migrated or served from, and what the operator can do about it.
#[derive(Debug)]
pub struct SchemaError(pub String);

impl std::fmt::Display for SchemaError {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.0)
    }
}

impl std::error::Error for SchemaError {}

impl From<Error> for SchemaError {
    fn from(error: Error) -> Self {
        Self(describe(&error))
    }
}
