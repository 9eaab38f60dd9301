//! `rowkeep audit`: what each role can see and change, whether the database is as this release declares it, and a proof by
//! execution. It reads catalogues, and rolls back every statement of the proof.

mod drift;
mod integrity;
mod proof;
mod report;

use std::time::Duration;

use tokio::time::timeout;
use tokio_postgres::{Client, Error, SimpleQueryMessage};

use crate::database::Address;
use crate::schema::{SchemaError, Version, connect};
pub use drift::Catalogue;
pub use integrity::{check_integrity, lost_objects};
pub use report::{Fact, Report, Verdict};

const AUDIT: &str = include_str!("../sql/audit.sql");
const SERVER: &str = include_str!("../sql/schema/server.sql");
const BEGIN: &str = include_str!("../sql/audit/catalogue_begin.sql");
const ROLLBACK: &str = include_str!("../sql/audit/rollback.sql");

/// Limit for reading the catalogues, which usually takes 0.1 s.
const CATALOGUE_TIMEOUT: Duration = Duration::from_secs(20);

/// Limit for the proof, which usually takes 0.1 s. Postgres limits each of its statements as well.
const PROOF_TIMEOUT: Duration = Duration::from_secs(120);

/// The whole report: the lines of `sql/audit.sql`, then drift, then the proof.
///
/// # Errors
/// Fails if the database cannot be reached or does not answer. The report itself says what is wrong with the database.
pub async fn audit(address: &Address) -> Result<Report, SchemaError> {
    let client = connect(address).await?;
    let mut report = read_catalogues(&client, address).await?;
    let facts = timeout(PROOF_TIMEOUT, proof::prove(address, &client)).await;
    for fact in facts.map_err(|_| no_answer(address))?? {
        report.add(&fact);
    }
    Ok(report)
}

/// The report without the proof: the lines of `sql/audit.sql`, then drift.
///
/// # Errors
/// Fails if the database cannot be reached or does not answer.
pub async fn examine(address: &Address) -> Result<Report, SchemaError> {
    read_catalogues(&connect(address).await?, address).await
}

async fn read_catalogues(client: &Client, address: &Address) -> Result<Report, SchemaError> {
    let reading = async {
        let mut report = Report::default();
        report.add_printed(printed(client).await?);
        for fact in drift(client).await? {
            report.add(&fact);
        }
        Ok(report)
    };
    let report = timeout(CATALOGUE_TIMEOUT, reading).await.map_err(|_| no_answer(address))?;
    report.map_err(|error| catalogues_not_read(error, address))
}

fn catalogues_not_read(error: Error, address: &Address) -> SchemaError {
    match error.code() {
        Some(state) if state.code() == "55P03" => SchemaError::Unavailable(format!(
            "another session has locked a table of {address} for more than two seconds, perhaps a migration; run the audit \
             again when it has ended"
        )),
        _ => error.into(),
    }
}

fn no_answer(address: &Address) -> SchemaError {
    SchemaError::Unavailable(format!("{address} does not answer; run the audit again when it does"))
}

/// The lines that `psql -f sql/audit.sql` prints.
async fn printed(client: &Client) -> Result<Vec<String>, Error> {
    let messages = client.simple_query(AUDIT).await?;
    let mut lines = Vec::new();
    for message in messages {
        if let SimpleQueryMessage::Row(row) = message {
            lines.push(row.try_get(0)?.unwrap_or_default().to_owned());
        }
    }
    Ok(lines)
}

/// The major release of the server.
async fn major(client: &Client) -> Result<i32, Error> {
    let rows = client.query_typed(SERVER, &[]).await?;
    let version: i32 = rows.first().map(|row| row.try_get("version")).transpose()?.unwrap_or(0);
    Ok(version / 10_000)
}

async fn drift(client: &Client) -> Result<Vec<Fact>, Error> {
    let wanted = Version::of_this_release();
    let fail = |text: String| Fact::new(Verdict::Fail, "drift", text).with_fix("rowkeep migrate");
    let found = match Version::of_database(client).await {
        Ok(Some(found)) => Some(found),
        Ok(None) if Catalogue::of_database(client).await?.is_empty() => {
            return Ok(vec![fail("the database has not been migrated".into())]);
        }
        // app.schema_version() or its history is missing: the differences below say so.
        Ok(None) => None,
        // A login that may not call app.schema_version() can still read the catalogues.
        Err(error) if error.code().is_some_and(|state| state.code() == "42501") => None,
        Err(error) => return Err(error),
    };

    let major = major(client).await?;
    let declared = Catalogue::declared(major);
    let live = Catalogue::of_database(client).await?;

    let mut facts = Vec::new();
    match found {
        None => facts.push(Fact::new(
            Verdict::Note,
            "drift",
            "the database's release is unknown: this login cannot read it from app.schema_version()",
        )),
        Some(found) if found == wanted => facts.push(Fact::new(
            Verdict::Ok,
            "drift",
            format!("migration {} and the policies are those of this release", wanted.migration),
        )),
        Some(found) if found.migration > wanted.migration => facts.push(Fact::new(
            Verdict::Note,
            "drift",
            format!(
                "the database has migration {}, this release {}: audit it with its own release",
                found.migration, wanted.migration
            ),
        )),
        Some(found) if found.migration < wanted.migration => facts.push(fail(format!(
            "the database has migration {}, this release {}",
            found.migration, wanted.migration
        ))),
        Some(found) if found.has_newer_policies_than(&wanted) => facts.push(Fact::new(
            Verdict::Note,
            "drift",
            "the policies are of a newer release: audit the database with that release",
        )),
        Some(_) => facts.push(fail("the policies that were applied last are of an older release".into())),
    }

    let differing = declared.drift(&live);
    if differing.is_empty() {
        let text = format!("{0} of {0} objects and grants are as declared", declared.len());
        facts.push(Fact::new(Verdict::Ok, "drift", text));
    }
    facts.extend(differing);
    Ok(facts)
}
