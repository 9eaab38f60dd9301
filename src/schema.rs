//! Migrations, then policies; and whether a database is as this release needs it.

mod migrate;
mod policies;

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::timeout;
use tokio_postgres::{Client, Error};

use crate::cursor::Cursors;
use crate::database::{Address, ConnectError, describe};
use crate::refusal::ConstraintMessages;
pub use migrate::{Migrated, migrate};

/// The folder `migrations/`, as it was when this release was built.
#[allow(missing_docs, reason = "the macro writes none")]
mod embedded {
    refinery::embed_migrations!("migrations");
}
use embedded::migrations;

const SERVER: &str = include_str!("../sql/schema/server.sql");
const VERSION: &str = include_str!("../sql/schema/version.sql");
const CURSOR_KEY: &str = include_str!("../sql/schema/cursor_key.sql");
const WORDS: &str = include_str!("../sql/schema/words.sql");

/// Why a database cannot be served from or migrated, and what to do about it.
#[derive(Debug)]
pub struct NotReady(pub String);

impl std::fmt::Display for NotReady {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.0)
    }
}

impl std::error::Error for NotReady {}

impl From<Error> for NotReady {
    fn from(error: Error) -> Self {
        Self(describe(&error))
    }
}

/// What has been applied to a database, or what this release would apply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// The number of the last migration.
    pub migration: i32,
    /// The SHA-256 of the policies, in hexadecimal.
    pub policies: String,
}

impl Version {
    /// What this release brings.
    pub fn of_this_release() -> Self {
        let runner = migrations::runner();
        let versions = runner.get_migrations().iter().map(|migration| migration.version());
        Self { migration: versions.max().unwrap_or(0), policies: policies::digest() }
    }

    /// What the database says it has; none, when it was never migrated.
    pub(crate) async fn of_database(client: &Client) -> Result<Option<Self>, Error> {
        match client.query_one(VERSION, &[]).await {
            Ok(row) => Ok(match (row.try_get(0)?, row.try_get(1)?) {
                (Some(migration), Some(policies)) => Some(Self { migration, policies }),
                _ => None,
            }),
            // invalid_schema_name, undefined_function, undefined_table
            Err(error) if matches!(error.code().map(|c| c.code()), Some("3F000" | "42883" | "42P01")) => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

/// What a database that can be served from tells at start.
pub struct Ready {
    /// What clients read when a constraint turns a value down.
    pub sentences: ConstraintMessages,
    /// What seals the cursors of lists.
    pub cursors: Cursors,
}

/// Whether requests can be served from the database at `address`, and what it has to say if so.
///
/// # Errors
/// What is missing, and the command that mends it.
pub async fn ready_to_serve(address: &Address) -> Result<Ready, NotReady> {
    let client = connect(address).await?;
    in_time(address, look(&client, address)).await
}

async fn look(client: &Client, address: &Address) -> Result<Ready, NotReady> {
    let server = look_at_server(client).await?;
    if let Some(safe) = server.safe_release {
        tracing::warn!(
            server = server.name,
            "row security has a known hole below {safe} (CVE-2026-120154): update PostgreSQL"
        );
    }

    let wanted = Version::of_this_release();
    let found = Version::of_database(client).await.map_err(|error| explain_rights(&error, address))?;
    match found {
        None => {
            return Err(NotReady(format!("{address} has not been migrated; run `rowkeep migrate`")));
        }
        Some(found) if found.migration > wanted.migration => {
            tracing::warn!(
                database = found.migration,
                release = wanted.migration,
                "the database is ahead of this release"
            );
        }
        Some(found) if found.migration < wanted.migration => {
            return Err(NotReady(format!(
                "{address} is behind: it has migration {}, this release needs {}; run `rowkeep migrate`",
                found.migration, wanted.migration
            )));
        }
        Some(found) if found.policies != wanted.policies => {
            return Err(NotReady(format!(
                "the policies of {address} are not those of this release; run `rowkeep migrate`"
            )));
        }
        Some(_) => {}
    }

    Ok(Ready { sentences: words(client).await?, cursors: cursors(client).await? })
}

async fn cursors(client: &Client) -> Result<Cursors, NotReady> {
    let key: Option<Vec<u8>> = client.query_one(CURSOR_KEY, &[]).await?.try_get(0)?;
    key.and_then(|key| Cursors::new(&key)).ok_or_else(|| {
        NotReady(
            "there is no key of 32 bytes for the cursors of lists; make one: INSERT INTO rowkeep.cursor_keys DEFAULT VALUES;"
                .into(),
        )
    })
}

async fn words(client: &Client) -> Result<ConstraintMessages, NotReady> {
    let mut sentences = HashMap::new();
    for row in client.query(WORDS, &[]).await? {
        let constraint: String = row.try_get(0)?;
        let Some(words) = row.try_get(1)? else {
            return Err(NotReady(format!(
                "constraint {constraint} has no comment, so that clients could not be told what it wants; \
                 write one: COMMENT ON CONSTRAINT {constraint} ON app.<table> IS '...';"
            )));
        };
        sentences.insert(constraint, words);
    }
    Ok(ConstraintMessages(sentences))
}

/// Connects, with patience while the database starts.
///
/// # Errors
/// The last failure, after a quarter of a minute; at once when waiting would not help (a wrong password, no such
/// database).
pub async fn connect(address: &Address) -> Result<Client, NotReady> {
    let mut pause = Duration::from_millis(250);
    loop {
        match address.connect().await {
            Ok(client) => return Ok(client),
            Err(error) => {
                if !is_passing(&error) || pause > Duration::from_secs(8) {
                    return Err(NotReady(format!("cannot connect to {address}: {error}")));
                }
                tracing::warn!(cause = %error, "{address} does not answer, trying again");
            }
        }
        tokio::time::sleep(pause).await;
        pause *= 2;
    }
}

/// Whether a database that starts, or is reached in a moment, would say this.
fn is_passing(error: &ConnectError) -> bool {
    match error {
        // It has been waited for already.
        ConnectError::TimedOut => false,
        ConnectError::Refused(error) => match error.code().map(|state| state.code()) {
            Some(code) => code.starts_with("57P") || code.starts_with("53"),
            None => !error.to_string().contains("TLS"),
        },
        ConnectError::Socket(_) | ConnectError::Closed => true,
    }
}

/// How long a look at a database may take.
const LOOK: Duration = Duration::from_secs(10);

async fn in_time<T>(
    address: &Address,
    look: impl Future<Output = Result<T, NotReady>>,
) -> Result<T, NotReady> {
    let silent = |_| NotReady(format!("{address} does not answer"));
    timeout(LOOK, look).await.map_err(silent)?
}

/// The oldest minor releases whose row-level security has no known hole (CVE-2026-120154), by major release.
const SAFE_MINOR: [(i32, i32); 4] = [(15, 20), (16, 16), (17, 12), (18, 7)];

struct Server {
    name: String,
    /// The release to update to, when this one has a known hole.
    safe_release: Option<String>,
}

/// What there is to know of a server.
///
/// # Errors
/// When it is too old, or the database cannot keep every text.
async fn look_at_server(client: &Client) -> Result<Server, NotReady> {
    let row = client.query_one(SERVER, &[]).await?;
    let (version, name, encoding): (i32, String, String) =
        (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);

    let (major, minor) = (version / 10_000, version % 10_000);
    if major < 15 {
        return Err(NotReady(format!("PostgreSQL 15 or newer is needed, this server is {name}")));
    }
    if encoding != "UTF8" {
        return Err(NotReady(format!(
            "the database keeps text as {encoding}; make one with ENCODING 'UTF8'"
        )));
    }
    let safe = SAFE_MINOR.iter().find(|(known, safe)| *known == major && minor < *safe);
    Ok(Server { name, safe_release: safe.map(|(major, minor)| format!("{major}.{minor}")) })
}

fn explain_rights(error: &Error, address: &Address) -> NotReady {
    let mut text = format!("{address}: {}", describe(error));
    if error.code().is_some_and(|state| state.code() == "42501") {
        let user = address.config().get_user().unwrap_or("the_login");
        text.push_str(&format!(
            "; the login must be a member of rowkeep_api that inherits: GRANT rowkeep_api TO \"{user}\"; \
             ALTER ROLE \"{user}\" INHERIT; ALTER ROLE \"{user}\" SET role = 'rowkeep_api';"
        ));
    }
    NotReady(text)
}
