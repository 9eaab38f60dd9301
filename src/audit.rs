//! `rowkeep audit`: who can see what, whether the database is what this release declares, and what happens when
//! somebody tries. Reads catalogues, and rolls back what it tries.

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

/// How long looking may take; it takes a tenth of a second.
const LONGEST_LOOK: Duration = Duration::from_secs(20);

/// How long trying may take; it takes as long, and Postgres bounds every statement of it.
const LONGEST_PROOF: Duration = Duration::from_secs(120);

/// Everything: the lines of `sql/audit.sql`, then drift, then proof.
///
/// # Errors
/// When the database cannot be reached, or does not answer. What is wrong with it is in the report.
pub async fn audit(address: &Address) -> Result<Report, SchemaError> {
    let client = connect(address).await?;
    let mut report = look(&client, address).await?;
    let facts = timeout(LONGEST_PROOF, proof::prove(address, &client)).await;
    for fact in facts.map_err(|_| silent(address))?? {
        report.add(&fact);
    }
    Ok(report)
}

/// What can be seen without trying anything: the lines of `sql/audit.sql`, and drift.
///
/// # Errors
/// When the database cannot be reached, or does not answer.
pub async fn examine(address: &Address) -> Result<Report, SchemaError> {
    look(&connect(address).await?, address).await
}

async fn look(client: &Client, address: &Address) -> Result<Report, SchemaError> {
    let look = async {
        let mut report = Report::default();
        report.add_printed(printed(client).await?);
        for fact in drift(client).await? {
            report.add(&fact);
        }
        Ok(report)
    };
    let looked = timeout(LONGEST_LOOK, look).await.map_err(|_| silent(address))?;
    looked.map_err(|error| look_failed(error, address))
}

fn look_failed(error: Error, address: &Address) -> SchemaError {
    match error.code() {
        Some(state) if state.code() == "55P03" => SchemaError(format!(
            "somebody has held a table of {address} locked for two seconds, against readers as well (a migration?): run it \
             again"
        )),
        _ => error.into(),
    }
}

fn silent(address: &Address) -> SchemaError {
    SchemaError(format!("{address} does not answer"))
}

/// What `psql -f sql/audit.sql` prints.
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

async fn drift(client: &Client) -> Result<Vec<Fact>, Error> {
    let wanted = Version::of_this_release();
    let fail = |text: String| Fact::new(Verdict::Fail, "drift", text).mended_by("rowkeep migrate");
    let found = match Version::of_database(client).await {
        Ok(Some(found)) => Some(found),
        Ok(None) if Catalogue::of_database(client).await?.len() == 0 => {
            return Ok(vec![fail("the database has not been migrated".into())]);
        }
        // The function that tells the version is missing, or the history is: the differences below say so.
        Ok(None) => None,
        // Whoever may not ask for the version can still see what there is.
        Err(error) if error.code().is_some_and(|state| state.code() == "42501") => None,
        Err(error) => return Err(error),
    };

    let major: i32 = client.query_one(SERVER, &[]).await?.try_get::<_, i32>("version")? / 10_000;
    let declared = Catalogue::declared(major);
    let live = Catalogue::of_database(client).await?;

    let mut facts = Vec::new();
    match found {
        None => facts.push(Fact::new(
            Verdict::Note,
            "drift",
            "this login cannot read which release the database has",
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
        Some(_) => {
            facts.push(fail("the policies that were applied last are not those of this release".into()))
        }
    }

    let differing = declared.drift(&live);
    if differing.is_empty() {
        let text = format!("{} of {} objects and grants are as declared", live.len(), declared.len());
        facts.push(Fact::new(Verdict::Ok, "drift", text));
    }
    facts.extend(differing);
    Ok(facts)
}
