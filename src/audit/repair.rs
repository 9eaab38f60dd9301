//! `rowkeep migrate --repair`: makes declared objects again that a database has lost, or that were changed by hand.

use futures_util::future::BoxFuture;
use tokio_postgres::{Client, Error};

use super::drift::{Catalogue, Loss};
use super::major;
use crate::database::describe;
use crate::schema::{
    LOCK_ATTEMPTS, SchemaError, begin_migration, is_lock_conflict, pause_before_retry, run_script,
};

const TAKE_OWNER: &str = include_str!("../../sql/adopt/take_owner.sql");

/// Kinds of objects that can be made again without a loss of rows. Policies and privileges are applied as a whole after this.
const KINDS: [&str; 6] = ["function ", "collation ", "trigger ", "index ", "constraint ", "comment on "];

/// An object can depend on another, and a constraint that is made again has no comment.
const ROUNDS: usize = 3;

/// Makes functions, triggers, indexes, CHECK constraints and comments as this release declares them, each in its own
/// transaction as the owner. Readers wait for none of it longer than for the lock of a moment. Returns their names. The log
/// says what could not be made.
///
/// # Errors
/// The catalogues cannot be read.
pub fn repair_objects(client: &mut Client) -> BoxFuture<'_, Result<Vec<String>, SchemaError>> {
    Box::pin(repair(client))
}

async fn repair(client: &mut Client) -> Result<Vec<String>, SchemaError> {
    let mut repaired = Vec::new();
    for _ in 0..ROUNDS {
        let losses = losses(client).await?;
        let mut has_failed = losses.is_empty();
        for (object, statements) in losses {
            match make(client, &statements).await {
                Ok(()) if repaired.contains(&object) => {}
                Ok(()) => repaired.push(object),
                Err(error) => {
                    tracing::warn!(
                        rowkeep.object = object,
                        error.message = describe(&error),
                        "this object cannot be made again"
                    );
                    has_failed = true;
                }
            }
        }
        if has_failed {
            break;
        }
    }
    Ok(repaired)
}

/// The objects to make, each with its transactions.
async fn losses(client: &Client) -> Result<Vec<(String, Vec<String>)>, Error> {
    let declared = Catalogue::declared(major(client).await?);
    let losses = declared.losses(&Catalogue::of_database(client).await?);
    Ok(losses.into_iter().filter_map(|loss| Some((loss.object.clone(), statements(&loss)?))).collect())
}

/// The transactions that make an object again. None if that is left to others, or to a person.
fn statements(loss: &Loss) -> Option<Vec<String>> {
    let (object, fix) = (&loss.object, loss.fix.as_deref()?);
    if !KINDS.iter().any(|kind| object.starts_with(kind)) || object.starts_with("comment on policy ") {
        return None;
    }
    if object.starts_with("index ") && !fix.contains("CREATE INDEX ") {
        return None; // the index of a key is made with its constraint
    }
    let Some(constraint) = object.strip_prefix("constraint ") else { return Some(vec![fix.into()]) };
    // A key is built while requests wait, so a person chooses the moment.
    let unchecked = fix.strip_suffix(';').filter(|fix| fix.contains(" CHECK ("))?;
    // Requests go on while the rows are checked.
    let (name, table) = constraint.rsplit_once(" on ")?;
    Some(vec![format!("{unchecked} not valid;"), format!("alter table {table} validate constraint {name};")])
}

async fn make(client: &mut Client, statements: &[String]) -> Result<(), Error> {
    for statement in statements {
        for attempt in 1.. {
            match make_once(client, statement).await {
                Err(error) if attempt < LOCK_ATTEMPTS && is_lock_conflict(&error) => {
                    pause_before_retry(attempt).await;
                }
                made => {
                    made?;
                    break;
                }
            }
        }
    }
    Ok(())
}

async fn make_once(client: &mut Client, statement: &str) -> Result<(), Error> {
    let transaction = begin_migration(client).await?;
    run_script(&transaction, TAKE_OWNER).await?;
    run_script(&transaction, statement).await?;
    transaction.commit().await
}
