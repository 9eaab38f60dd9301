//! A task, and one function for each file of `sql/tasks`.
//!
//! Every function answers what *the caller* may know: somebody else's task and a task that does not exist are the
//! same [`Refusal::NotFound`].

mod lists;

use jiff::Timestamp;
use jiff::fmt::temporal::DateTimePrinter;
use serde::{Serialize, Serializer};
use tokio_postgres::Row;
use tokio_postgres::types::FromSql;

use crate::refusal::Refusal;
use crate::session::{Caller, Question, value};
use lists::*;
pub use lists::{Listing, Page, Pages, Position, Sort, Status, Window, page, page_and_count};

/// A row of `app.tasks`, as it goes over the wire. In a list its texts are those of the row, not copies.
#[derive(Clone, Debug, Serialize)]
pub struct Task<Text = String> {
    /// Ascending with creation, below 2^53.
    pub id: i64,
    /// Whose task it is.
    pub user_id: Text,
    /// As it was sent; the constraints of the table say what it may be.
    pub title: Text,
    /// As it was sent, likewise.
    pub description: Option<Text>,
    /// Whether it is done.
    pub completed: bool,
    /// When it was created.
    #[serde(serialize_with = "six_digits")]
    pub created_at: Timestamp,
    /// When it last really changed.
    #[serde(serialize_with = "six_digits")]
    pub updated_at: Timestamp,
}

/// A task to be.
#[derive(Debug)]
pub struct Draft {
    /// Stored exactly as it is.
    pub title: String,
    /// None: no description.
    pub description: Option<String>,
}

/// What takes the place of what the caller may edit of a task.
#[derive(Debug)]
pub struct Replacement {
    /// Takes the place of the title.
    pub title: String,
    /// Keeps, clears or replaces the description.
    pub description: Edit<String>,
    /// None keeps it as it is.
    pub completed: Option<bool>,
}

/// Absent, null and a value are three different things.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit<T> {
    /// Leaves what is there.
    Keep,
    /// Takes away what is there.
    Clear,
    /// Puts this in its place.
    Set(T),
}

static READ: Question = Question::read("tasks/read", include_str!("../sql/tasks/read.sql"));
static CREATE: Question = Question::create("tasks/create", include_str!("../sql/tasks/create.sql"));
static REPLACE: Question = Question::change("tasks/replace", include_str!("../sql/tasks/replace.sql"));
static COMPLETE: Question = Question::change("tasks/complete", include_str!("../sql/tasks/complete.sql"));
static TOGGLE: Question = Question::change("tasks/toggle", include_str!("../sql/tasks/toggle.sql"));
static DELETE: Question = Question::change("tasks/delete", include_str!("../sql/tasks/delete.sql"));

/// Every question about tasks, to be prepared on each connection.
pub static QUESTIONS: [&Question; 22] = [
    &LIST,
    &LIST_PENDING,
    &LIST_COMPLETED,
    &LIST_OLDEST,
    &LIST_OLDEST_PENDING,
    &LIST_OLDEST_COMPLETED,
    &LIST_BY_TITLE,
    &LIST_BY_TITLE_DESCENDING,
    &LIST_BY_UPDATED_AT,
    &LIST_BY_UPDATED_AT_DESCENDING,
    &SEARCH,
    &SEARCH_OLDEST,
    &COUNT,
    &COUNT_PENDING,
    &COUNT_COMPLETED,
    &COUNT_FOUND,
    &READ,
    &CREATE,
    &REPLACE,
    &COMPLETE,
    &TOGGLE,
    &DELETE,
];

/// One task of the caller.
///
/// # Errors
/// [`Refusal::NotFound`]; as [`Caller::ask`].
pub async fn read(caller: &Caller, id: i64) -> Result<Task, Refusal> {
    the_task(caller.ask(&READ, vec![value(id)]).await?)
}

/// Creates a task of the caller, not completed.
///
/// # Errors
/// [`Refusal::Invalid`] with a constraint's words; as [`Caller::ask`].
pub async fn create(caller: &Caller, draft: Draft) -> Result<Task, Refusal> {
    let values = vec![value(draft.title), value(draft.description)];

    the_task(caller.ask(&CREATE, values).await?)
}

/// Replaces what the caller may edit of a task.
///
/// # Errors
/// [`Refusal::NotFound`]; [`Refusal::Invalid`] with a constraint's words; as [`Caller::ask`].
pub async fn replace(caller: &Caller, id: i64, replacement: Replacement) -> Result<Task, Refusal> {
    let (replaces, description) = match replacement.description {
        Edit::Keep => (false, None),
        Edit::Clear => (true, None),
        Edit::Set(text) => (true, Some(text)),
    };
    let values = vec![
        value(id),
        value(replacement.title),
        value(replaces),
        value(description),
        value(replacement.completed),
    ];

    the_task(caller.ask(&REPLACE, values).await?)
}

/// Sets whether a task of the caller is done.
///
/// # Errors
/// [`Refusal::NotFound`]; as [`Caller::ask`].
pub async fn complete(caller: &Caller, id: i64, completed: bool) -> Result<Task, Refusal> {
    the_task(caller.ask(&COMPLETE, vec![value(id), value(completed)]).await?)
}

/// Flips whether a task of the caller is done. Two flips at the same moment are two flips.
///
/// # Errors
/// [`Refusal::NotFound`]; as [`Caller::ask`].
pub async fn toggle(caller: &Caller, id: i64) -> Result<Task, Refusal> {
    the_task(caller.ask(&TOGGLE, vec![value(id)]).await?)
}

/// Deletes a task of the caller.
///
/// # Errors
/// [`Refusal::NotFound`]; as [`Caller::ask`].
pub async fn delete(caller: &Caller, id: i64) -> Result<(), Refusal> {
    let rows = caller.ask(&DELETE, vec![value(id)]).await?;
    rows.first().map(|_| ()).ok_or(Refusal::NotFound)
}

fn the_task(rows: Vec<Row>) -> Result<Task, Refusal> {
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

/// RFC 3339 in UTC with always six digits of a second, as precise as Postgres keeps it.
fn six_digits<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    const PRINTER: DateTimePrinter = DateTimePrinter::new().precision(Some(6));
    let mut text = String::with_capacity("2026-01-10T09:30:00.123456Z".len());
    PRINTER.print_timestamp(time, &mut text).map_err(serde::ser::Error::custom)?;
    serializer.serialize_str(&text)
}
