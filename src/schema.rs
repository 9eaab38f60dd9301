//! Migrates a database and applies the policies. Checks whether a database fits this release.

mod connect;
mod in_the_way;
mod lock;
mod maintenance;
mod migrate;
mod policies;
mod script;
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
pub use script::statements;
pub(crate) use script::{begin_migration, run_script};
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
    /// Objects of the database are missing or changed.
    Damaged(Damage),
}

/// Objects that are missing or changed, and what sets them right.
#[derive(Debug)]
pub struct Damage {
    /// What is wrong.
    pub problem: String,
    /// The statements that this release makes the objects with; empty if a command makes all of them.
    pub statements: String,
    /// What to do then; may be empty.
    pub advice: String,
}

impl SchemaError {
    pub(crate) fn new(is_temporary: bool, text: String) -> Self {
        if is_temporary { Self::Unavailable(text) } else { Self::Unusable(text) }
    }

    /// The statements of its text, which are to be copied as they are; may be empty.
    pub fn statements(&self) -> &str {
        if let Self::Damaged(damage) = self { &damage.statements } else { "" }
    }

    /// Its text for a line of the log, from which no statement of several lines can be copied.
    pub(crate) fn without_statements(&self) -> String {
        let Self::Damaged(Damage { problem, statements, advice }) = self else { return self.to_string() };
        let by_hand = "Run `rowkeep migrate --repair`, or the statements that `rowkeep migrate` prints.";
        let by_hand = if statements.is_empty() { "" } else { by_hand };
        let parts = [problem, by_hand, advice].into_iter().filter(|part| !part.is_empty());
        parts.collect::<Vec<_>>().join("\n")
    }

    /// This error after another one, which it explains.
    pub(crate) fn after(self, error: &Self) -> Self {
        match self {
            Self::Damaged(Damage { problem, statements, advice }) => {
                Self::Damaged(Damage { problem: format!("{error}\n{problem}"), statements, advice })
            }
            other => Self::Unusable(format!("{error}\n{other}")),
        }
    }
}

impl std::fmt::Display for SchemaError {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unavailable(text) | Self::Newer(text) | Self::Unusable(text) => out.write_str(text),
            Self::Damaged(Damage { problem, statements, advice }) => {
                out.write_str(problem)?;
                if !statements.is_empty() {
                    let how = "Run `rowkeep migrate --repair`, or as a superuser or as rowkeep_owner:";
                    write!(out, "\n{how}\n\n{statements}\n")?;
                }
                if advice.is_empty() { Ok(()) } else { write!(out, "\n{advice}") }
            }
        }
    }
}

impl std::error::Error for SchemaError {}

impl From<Error> for SchemaError {
    fn from(error: Error) -> Self {
        Self::new(is_temporary(&error), describe(&error))
    }
}
