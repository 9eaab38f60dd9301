//! One statement of the proof, its outcome, and whether the outcome is the expected one.

use tokio_postgres::{Error, Row, SimpleQueryMessage};

use crate::database::describe;

/// A row of `sql/audit/proof.sql`, which explains each column.
pub(super) struct Attempt {
    pub(super) relation: String,
    pub(super) phase: String,
    pub(super) actor: String,
    pub(super) what: String,
    pub(super) statement: String,
    wanted: String,
}

pub(super) enum Outcome {
    /// The owners of the rows that were shown, and the number of rows that were shown or changed.
    Done {
        owners: Vec<String>,
        rows: u64,
    },
    Refused(Error),
}

impl Outcome {
    pub(super) fn of(answer: Result<Vec<SimpleQueryMessage>, Error>) -> Self {
        let messages = match answer {
            Ok(messages) => messages,
            Err(error) => return Self::Refused(error),
        };
        let rows = messages.iter().map(|message| match message {
            SimpleQueryMessage::CommandComplete(rows) => *rows,
            _ => 0,
        });
        Self::Done { rows: rows.sum(), owners: first_column(&messages) }
    }
}

/// The values of the first column.
pub(super) fn first_column(messages: &[SimpleQueryMessage]) -> Vec<String> {
    let rows = messages.iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row.try_get(0).ok().flatten().unwrap_or_default().to_owned()),
        _ => None,
    });
    rows.collect()
}

impl Attempt {
    /// # Errors
    /// Fails if the row is not one of that file.
    pub(super) fn read(row: &Row) -> Result<Self, Error> {
        Ok(Self {
            relation: row.try_get("relation")?,
            phase: row.try_get("phase")?,
            actor: row.try_get("actor")?,
            what: row.try_get("what")?,
            statement: row.try_get("statement")?,
            wanted: row.try_get("wanted")?,
        })
    }

    /// What is wrong with the outcome, if anything. `a` is the id of A, who has `own` rows.
    pub(super) fn problem(&self, outcome: &Outcome, a: &str, own: u64) -> Option<String> {
        match (self.wanted.as_str(), outcome) {
            ("refused", Outcome::Refused(error)) => {
                // insufficient_privilege; without an identity not_null_violation, or null_value_not_allowed where Citus must
                // know the user to find the node
                let code = error.code().map(|state| state.code().to_owned()).unwrap_or_default();
                let refused = code == "42501" || matches!(&*code, "23502" | "22004") && self.actor != "A";
                (!refused).then(|| format!("was not refused, but failed with {}", describe(error)))
            }
            ("refused", Outcome::Done { .. }) => Some("was not refused".into()),
            (_, Outcome::Refused(error)) => Some(format!("failed with {}", describe(error))),
            ("own", Outcome::Done { owners, .. }) => {
                let others = owners.iter().filter(|owner| *owner != a).count();
                if others > 0 {
                    Some(format!("showed {others} rows of other users"))
                } else {
                    (owners.len() as u64 != own).then(|| format!("showed {} of A's {own} rows", owners.len()))
                }
            }
            ("no rows", Outcome::Done { owners, .. }) => {
                (!owners.is_empty()).then(|| format!("showed {} rows of other users", owners.len()))
            }
            ("changes own", Outcome::Done { rows, .. }) => {
                (*rows != own).then(|| format!("reached {rows} rows, and {own} are A's"))
            }
            (_, Outcome::Done { rows, .. }) => {
                (*rows != 0).then(|| format!("reached {rows} rows of other users"))
            }
        }
    }
}
