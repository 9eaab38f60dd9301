//! Which release this program is, and which commit it was built from.

/// The commit: its first 12 digits, with `-dirty` if the program is made of changed files. `unknown` if the program was built
/// without git.
pub const COMMIT: &str = env!("ROWKEEP_COMMIT");

/// The release and the commit, as `rowkeep --version` prints them.
pub const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (", env!("ROWKEEP_COMMIT"), ")");
