//! Whether a database still has what its record says was applied: the objects that migrations and policies make.
//!
//! The record can be right and the objects wrong: after a restore without owners, privileges or roles, or after a
//! change by hand.

use tokio::time::timeout;
use tokio_postgres::{Client, Error};

use super::drift::{Catalogue, Loss};
use super::{CATALOGUE_TIMEOUT, catalogues_not_read, is_migrated, major, no_answer};
use crate::database::Address;
use crate::schema::{Damage, SchemaError, Version, connect};
use crate::session::connect_once;

const SEQUENCES_BEHIND: &str = include_str!("../../sql/audit/sequences_behind.sql");

/// `rowkeep migrate --reapply-policies` makes these objects again. For other objects it sets only the owner and row security.
const REPAIRED: [&str; 3] = ["policy ", "comment on policy ", "grant of "];

/// How many objects an error names before it points to the audit.
const NAMED: usize = 10;

/// What was set right just now, so that an error must not advise to do it again.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reapplied {
    /// The policies were applied.
    pub policies: bool,
    /// The sequences were set to go on after the ids of their tables.
    pub sequences: bool,
}

/// Checks that every declared object is there and as declared. More objects than that are no error here: the audit reports
/// them.
///
/// # Errors
/// The objects that are missing or changed, with the command or the statements that set them right.
pub async fn check_integrity(address: &Address, reapplied: Reapplied) -> Result<(), SchemaError> {
    let client = connect(address).await?;
    let check = async {
        let losses = losses(&client).await?;
        match losses.as_slice() {
            [] if reapplied.sequences => Ok(None),
            [] => Ok(sequence_behind(&client)
                .await?
                .map(|problem| SchemaError::Unusable(format!("{address}: {problem}")))),
            losses => Ok(Some(SchemaError::Damaged(described(losses, reapplied.policies, address)))),
        }
    };
    let checked = timeout(CATALOGUE_TIMEOUT, check).await.map_err(|_| no_answer(address))?;
    checked.map_err(|error| catalogues_not_read(error, address))?.map_or(Ok(()), Err)
}

/// The objects that are missing or changed, as a reason why the database at `address` cannot be used. `None` if there are no
/// such objects, or if the database has another version, or none: then something else is the reason.
pub async fn lost_objects(address: &Address) -> Option<SchemaError> {
    let client = connect_once(address).await.ok()?;
    let check = async {
        let wanted = Version::of_this_release();
        // A login without privileges on schema app cannot read the version. That may be the very problem.
        let version = Version::of_database(&client).await.ok().flatten();
        let is_other_version = version.is_some_and(|version| version != wanted);
        let migrated = !is_other_version && is_migrated(&client).await?;
        if migrated { losses(&client).await } else { Ok(Vec::new()) }
    };
    let losses = timeout(CATALOGUE_TIMEOUT, check).await.ok()?.ok()?;
    (!losses.is_empty()).then(|| SchemaError::Damaged(described(&losses, false, address)))
}

async fn losses(client: &Client) -> Result<Vec<Loss>, Error> {
    let declared = Catalogue::declared(major(client).await?);
    let losses = declared.losses(&Catalogue::of_database(client).await?);
    // Comments are for people, except those of constraints: clients read them.
    let is_for_people = |loss: &Loss| {
        loss.object.starts_with("comment on ") && !loss.object.starts_with("comment on constraint ")
    };
    Ok(if losses.iter().all(is_for_people) { Vec::new() } else { losses })
}

/// The problem if a sequence is behind the ids of its table, as far as the catalogues tell. The rows were loaded without it, so
/// the next new row would get the id of an old one.
async fn sequence_behind(client: &Client) -> Result<Option<String>, Error> {
    for row in client.query_typed(SEQUENCES_BEHIND, &[]).await? {
        let (problem, statement): (String, String) = (row.try_get("problem")?, row.try_get("fix")?);
        let behind: String = row.try_get("behind")?;
        if client.query_one(behind.as_str(), &[]).await?.try_get(0)? {
            return Ok(Some(format!(
                "{problem}\nRun `rowkeep migrate --repair`, or as a superuser: {statement}"
            )));
        }
    }
    Ok(None)
}

fn described(losses: &[Loss], are_policies_applied: bool, address: &Address) -> Damage {
    let is_one_of =
        |loss: &Loss, prefixes: &[&str]| prefixes.iter().any(|prefix| loss.object.starts_with(prefix));
    let has_rows =
        |loss: &&Loss| loss.missing && is_one_of(loss, &["schema ", "table ", "column ", "sequence "]);
    let is_repairable = |loss: &&Loss| {
        !are_policies_applied && (is_one_of(loss, &REPAIRED) || !loss.missing && loss.only_protection)
    };

    let number = losses.len();
    let mut problem =
        format!("{address}: objects that this release needs are missing or changed ({number}):");
    for loss in losses.iter().take(NAMED) {
        let state = if loss.missing { "is missing" } else { "is not as declared" };
        problem.push_str(&format!("\n  {} {state}", loss.object));
    }
    if number > NAMED {
        problem.push_str(&format!("\n  and {} more: `rowkeep audit` shows all of them", number - NAMED));
    }
    if losses.iter().any(|loss| has_rows(&loss)) {
        let advice =
            "A schema, a table or a column is missing: restore the whole dump into an empty database.";
        return Damage { problem, statements: String::new(), advice: advice.into() };
    }

    let fix = |loss: &Loss| {
        let fix = loss.fix.as_deref()?;
        // A column gets no statement, because the statement could delete data.
        let is_column = loss.object.starts_with("column ");
        let comment = loss.comment.iter().map(|comment| format!("\n{comment}")).collect::<String>();
        Some(if is_column { format!("-- {}: {fix}", loss.object) } else { format!("{fix}{comment}") })
    };
    let by_hand = losses.iter().filter(|loss| !is_repairable(loss)).filter_map(fix);
    let statements = by_hand.collect::<Vec<_>>().join("\n");
    let mut advice = String::new();
    if losses.iter().any(|loss| is_repairable(&loss)) {
        let then = if statements.is_empty() { "Run" } else { "Then run" };
        advice = format!(
            "{then} `rowkeep migrate --reapply-policies` with the migrating login. It sets owners, policies and privileges, \
             and names what is still wrong."
        );
    }
    Damage { problem, statements, advice }
}
