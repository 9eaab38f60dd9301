//! Checks the release of PostgreSQL and the encoding of the database.

use tokio_postgres::Client;

use super::SchemaError;

const SERVER: &str = include_str!("../../sql/schema/server.sql");

/// The oldest major release of PostgreSQL that is supported.
pub const OLDEST_POSTGRES: u32 = 15;

/// For each major release, the oldest minor release whose row-level security has no known hole (CVE-2026-120154).
const SAFE_MINOR: [(i32, i32); 4] = [(15, 20), (16, 16), (17, 12), (18, 7)];

pub(super) struct Server {
    pub(super) name: String,
    /// The release to update to, if this one has a known hole.
    pub(super) safe_release: Option<String>,
}

/// Reads the server's release and the encoding of the database.
///
/// # Errors
/// The server is too old, or the database cannot store every text.
pub(super) async fn check_server(client: &Client) -> Result<Server, SchemaError> {
    let rows = client.query_typed(SERVER, &[]).await?;
    let row =
        rows.first().ok_or_else(|| SchemaError::Unusable("the server does not tell its version".into()))?;
    let (version, name, encoding): (i32, String, String) =
        (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);

    let (major, minor) = (version / 10_000, version % 10_000);
    if major < OLDEST_POSTGRES.cast_signed() {
        return Err(SchemaError::Unusable(format!(
            "PostgreSQL {OLDEST_POSTGRES} or newer is needed, but this server is {name}: upgrade it"
        )));
    }
    if encoding != "UTF8" {
        return Err(SchemaError::Unusable(format!(
            "the database stores text as {encoding}; create one with ENCODING 'UTF8'"
        )));
    }
    let safe = SAFE_MINOR.iter().find(|(known, safe)| *known == major && minor < *safe);
    Ok(Server { name, safe_release: safe.map(|(major, minor)| format!("{major}.{minor}")) })
}
