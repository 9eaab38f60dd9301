//! Tasks, and one function for each file of `sql/tasks`.
//!
//! Every function returns only what *the caller* may know: a task of another user and a task that does not exist are the
//! same [`Refusal::NotFound`].

mod lists;
mod queries;

use jiff::Timestamp;
use jiff::fmt::temporal::DateTimePrinter;
use serde::{Serialize, Serializer};
use tokio_postgres::Row;
use tokio_postgres::types::FromSql;

use crate::refusal::Refusal;
use crate::session::{Caller, parameter};
pub use lists::{Listing, Page, Position, Sort, Status, Window, page, page_and_count};
pub use queries::QUERIES;
use queries::{CREATE, DELETE, EDIT, READ};

/// A row of `app.tasks`, as clients see it. In a list, `Text` borrows from the row instead of copying it.
#[derive(Clone, Debug, Serialize)]
pub struct Task<Text = String> {
    /// Ascending with creation, below 2^53.
    pub id: i64,
    pub user_id: Text,
    /// Exactly as it was sent. The constraints of the table say which titles are allowed.
    pub title: Text,
    pub description: Option<Text>,
    pub completed: bool,
    #[serde(serialize_with = "six_digits")]
    pub created_at: Timestamp,
    /// When the row last changed. A change to the same values does not count.
    #[serde(serialize_with = "six_digits")]
    pub updated_at: Timestamp,
}

/// A task to create.
#[derive(Debug)]
pub struct Draft {
    pub title: String,
    pub description: Option<String>,
    pub completed: bool,
}

/// What to change in a task. The default changes nothing.
#[derive(Debug, Default)]
pub struct Changes {
    /// `None` keeps the title.
    pub title: Option<String>,
    pub description: Edit<String>,
    pub completed: Completion,
}

impl Changes {
    /// Flips `completed` if it is not set.
    pub fn or_flip(mut self) -> Self {
        if self.completed == Completion::Keep {
            self.completed = Completion::Flip;
        }
        self
    }
}

/// What happens to a value that may be null: an absent member, null and a value mean three different things.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Edit<T> {
    #[default]
    Keep,
    Clear,
    Set(T),
}

/// What happens to `completed`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Completion {
    #[default]
    Keep,
    /// True becomes false, and false becomes true. Two flips at the same moment are two flips.
    Flip,
    Set(bool),
}

/// Returns one task of the caller.
///
/// # Errors
/// [`Refusal::NotFound`]; as [`Caller::query`].
pub async fn read(caller: &Caller, id: i64) -> Result<Task, Refusal> {
    single_task(caller.query(READ.bind(vec![parameter(id)])).await?)
}

/// Creates a task of the caller.
///
/// # Errors
/// [`Refusal::Invalid`] with a constraint message; as [`Caller::query`].
pub async fn create(caller: &Caller, draft: Draft) -> Result<Task, Refusal> {
    let parameters = vec![parameter(draft.title), parameter(draft.description), parameter(draft.completed)];

    single_task(caller.query(CREATE.bind(parameters)).await?)
}

/// Changes a task of the caller.
///
/// # Errors
/// [`Refusal::NotFound`]; [`Refusal::Invalid`] with a constraint message; as [`Caller::query`].
pub async fn edit(caller: &Caller, id: i64, changes: Changes) -> Result<Task, Refusal> {
    let (changes_description, description) = match changes.description {
        Edit::Keep => (false, None),
        Edit::Clear => (true, None),
        Edit::Set(text) => (true, Some(text)),
    };
    let (changes_completed, completed) = match changes.completed {
        Completion::Keep => (false, None),
        Completion::Flip => (true, None),
        Completion::Set(completed) => (true, Some(completed)),
    };
    let parameters = vec![
        parameter(id),
        parameter(changes.title),
        parameter(changes_description),
        parameter(description),
        parameter(changes_completed),
        parameter(completed),
    ];

    single_task(caller.query(EDIT.bind(parameters)).await?)
}

/// Deletes a task of the caller.
///
/// # Errors
/// [`Refusal::NotFound`]; as [`Caller::query`].
pub async fn delete(caller: &Caller, id: i64) -> Result<(), Refusal> {
    let rows = caller.query(DELETE.bind(vec![parameter(id)])).await?;
    rows.first().map(|_| ()).ok_or(Refusal::NotFound)
}

fn single_task(rows: Vec<Row>) -> Result<Task, Refusal> {
    rows.first().map(Task::from_row).unwrap_or(Err(Refusal::NotFound))
}

impl<'row, Text: FromSql<'row>> Task<Text> {
    fn from_row(row: &'row Row) -> Result<Self, Refusal> {
        let read = || {
            Ok(Self {
                id: row.try_get(0)?,
                user_id: row.try_get(1)?,
                title: row.try_get(2)?,
                description: row.try_get(3)?,
                completed: row.try_get(4)?,
                created_at: row.try_get(5)?,
                updated_at: row.try_get(6)?,
            })
        };
        read().map_err(|error: tokio_postgres::Error| Refusal::Broken(error.into()))
    }
}

/// RFC 3339 in UTC, always with six digits after the second: the precision of Postgres.
fn six_digits<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    const PRINTER: DateTimePrinter = DateTimePrinter::new().precision(Some(6));
    let mut text = String::with_capacity("2026-01-10T09:30:00.123456Z".len());
    PRINTER.print_timestamp(time, &mut text).map_err(serde::ser::Error::custom)?;
    serializer.serialize_str(&text)
}
