//! Migrates a database and applies the policies. Checks whether a database fits this release.

mod connect;
mod in_the_way;
mod lock;
mod maintenance;
mod migrate;
mod policies;
mod sequences;
mod server;
mod serving;
mod version;

use tokio_postgres::Error;

use crate::database::{describe, is_temporary};
pub use connect::connect;
pub(crate) use in_the_way::has_foreign_schemas;
pub use lock::MigrationLock;
pub(crate) use lock::{is_lock_conflict, table_users};
pub use maintenance::maintenance_session;
pub(crate) use migrate::{LOCK_ATTEMPTS, pause_before_retry};
pub use migrate::{MigrateOptions, Migrated, RepairObjects, migrate, migrate_with};
pub use server::OLDEST_POSTGRES;
pub use serving::{ServingData, ready_to_serve};
pub use version::Version;

/// The settings of a session that changes a database.
const MIGRATING: &str = include_str!("../sql/schema/migrating.sql");

/// The folder `migrations/`, as it was when this release was built.
mod embedded {
    refinery::embed_migrations!("migrations");
}
use embedded::migrations;

/// Why a database cannot be migrated or served from, and what the operator can do about it.
#[derive(Debug)]
pub enum SchemaError {
    /// The database cannot be reached or has too much to do. It may work later.
    Unavailable(String),
    /// A newer release has migrated the database or applied its policies. It can be served from.
    Newer(String),
    /// Somebody must change the database, its login or the settings.
    Unusable(String),
}

impl SchemaError {
    pub(crate) fn new(is_temporary: bool, text: String) -> Self {
        if is_temporary { Self::Unavailable(text) } else { Self::Unusable(text) }
    }
}

impl std::fmt::Display for SchemaError {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (Self::Unavailable(text) | Self::Newer(text) | Self::Unusable(text)) = self;
        out.write_str(text)
    }
}

impl std::error::Error for SchemaError {}

impl From<Error> for SchemaError {
    fn from(error: Error) -> Self {
        Self::new(is_temporary(&error), describe(&error))
    }
}
