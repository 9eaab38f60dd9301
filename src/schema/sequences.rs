//! `rowkeep migrate --repair`: sets the sequences of ids behind the ids that are there.

use tokio_postgres::{Client, Error, Row};

use super::migrate::{LOCK_ATTEMPTS, SHORT_SCAN, pause_before_retry, with_advice};
use super::{SchemaError, is_lock_conflict, table_users};
use crate::database::describe;

const SEQUENCES: &str = include_str!("../../sql/schema/sequences.sql");
const BEGIN: &str = include_str!("../../sql/schema/begin.sql");
const COMMIT: &str = include_str!("../../sql/session/commit.sql");
const ROLLBACK: &str = include_str!("../../sql/session/rollback.sql");

/// A row of `sql/schema/sequences.sql`.
struct Sequence {
    relation: String,
    sequence: String,
    is_open: bool,
    largest: String,
    lift: String,
    restore: String,
    lock: String,
    advance: String,
}

impl Sequence {
    fn read(row: &Row) -> Result<Self, Error> {
        Ok(Self {
            relation: row.try_get("relation")?,
            sequence: row.try_get("sequence")?,
            is_open: row.try_get("is_open")?,
            largest: row.try_get("largest")?,
            lift: row.try_get("lift")?,
            restore: row.try_get("restore")?,
            lock: row.try_get("lock")?,
            advance: row.try_get("advance")?,
        })
    }

    /// Sets the sequence, if it is behind. Returns the largest id then.
    ///
    /// A login that sees every row reads them before anything is locked. For the owner the table is locked meanwhile.
    async fn advance(&self, client: &Client) -> Result<Option<i64>, Error> {
        client.batch_execute(BEGIN).await?;
        let largest;
        if self.is_open {
            largest = self.largest(client).await?;
            client.batch_execute(COMMIT).await?;
            client.batch_execute(BEGIN).await?;
            client.batch_execute(&self.lock).await?;
        } else {
            client.batch_execute(SHORT_SCAN).await?;
            client.batch_execute(&self.lift).await?;
            largest = self.largest(client).await?;
            client.batch_execute(&self.restore).await?;
        }
        let advanced = match largest {
            // Numbers that were given since the rows were read are below the position of the sequence.
            Some(id) => client.query_opt(&self.advance, &[&id]).await?.map(|_| id),
            None => None,
        };
        client.batch_execute(COMMIT).await?;
        Ok(advanced)
    }

    async fn largest(&self, client: &Client) -> Result<Option<i64>, Error> {
        client.query_one(&self.largest, &[]).await?.try_get(0)
    }
}

/// Sets every sequence that is behind the ids of its table. Returns a sentence for each.
///
/// # Errors
/// A table is in use all the time, or too large to be read while requests wait.
pub(super) async fn repair(client: &Client) -> Result<Vec<String>, SchemaError> {
    let mut repaired = Vec::new();
    for row in client.query(SEQUENCES, &[]).await? {
        let sequence = Sequence::read(&row)?;
        for attempt in 1.. {
            let error = match sequence.advance(client).await {
                Ok(advanced) => {
                    repaired.extend(advanced.map(|id| format!("{} to {id}", sequence.sequence)));
                    break;
                }
                Err(error) => error,
            };
            client.batch_execute(ROLLBACK).await?;
            if !is_lock_conflict(&error) {
                return Err(failed(&sequence, &error));
            }
            if attempt == LOCK_ATTEMPTS {
                let users = table_users(client).await;
                let (relation, cause) = (&sequence.relation, describe(&error));
                return Err(SchemaError::Unusable(format!("cannot lock {relation}: {cause}{users}")));
            }
            pause_before_retry(attempt).await;
        }
    }
    Ok(repaired)
}

fn failed(sequence: &Sequence, error: &Error) -> SchemaError {
    let Sequence { relation, sequence: name, largest, .. } = sequence;
    if error.code().is_some_and(|state| state.code() == "57014") {
        return SchemaError::Unusable(format!(
            "{relation} cannot be read in 10 s, and requests would wait for longer. A superuser, or a login with BYPASSRLS, \
             needs no lock to read it: run this command with such a login, or as a superuser: select setval('{name}', \
             ({largest}));"
        ));
    }
    with_advice(error, &format!("cannot set the sequence {name}"))
}
