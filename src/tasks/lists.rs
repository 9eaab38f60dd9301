//! Lists of tasks: pages that take up where the one before left off, whichever tasks come and go in the meantime.
//!
//! A page begins after a position, the sort's value and the id of a task that was seen (a keyset), so that it costs the
//! same at any depth.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio_postgres::Row;

use super::Task;
use crate::auth::UserId;
use crate::refusal::Refusal;
use crate::session::{Caller, Question, Value, value};

/// Which of the caller's tasks a list has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub enum Status {
    /// Every task.
    #[default]
    All,
    /// Those that are still to be done.
    Pending,
    /// Those that are done.
    Completed,
}

impl Status {
    /// Whether its tasks are done; none: they may be either.
    fn completed(self) -> Option<bool> {
        match self {
            Self::All => None,
            Self::Pending => Some(false),
            Self::Completed => Some(true),
        }
    }
}

/// What a list is in the order of. Tasks of the same title or time are in the order of their ids.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub enum Sort {
    /// The id, which is the order of creation.
    #[default]
    Id,
    /// The time of the last real change.
    UpdatedAt,
    /// The title, by code point.
    Title,
}

/// Which tasks are listed, and in what order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Listing {
    /// Only these.
    pub status: Status,
    /// Only those whose title or description contains this text, in any case. Empty: all.
    pub text: String,
    /// The order.
    pub sort: Sort,
    /// The other way round.
    pub descending: bool,
}

impl Listing {
    /// All of that status, newest first.
    pub fn newest_first(status: Status) -> Self {
        Self { status, text: String::new(), sort: Sort::Id, descending: true }
    }

    /// Where this list goes on after `task`.
    pub fn position<Text: AsRef<str>>(&self, task: &Task<Text>) -> Position {
        match self.sort {
            Sort::Id => Position::Id(task.id),
            Sort::UpdatedAt => Position::UpdatedAt(task.updated_at, task.id),
            Sort::Title => Position::Title(task.title.as_ref().to_owned(), task.id),
        }
    }
}

/// The last task of a list that was seen, by what the list is in the order of, and its id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Position {
    /// In a list by id.
    Id(i64),
    /// In a list by the time of the last change.
    UpdatedAt(Timestamp, i64),
    /// In a list by title.
    Title(String, i64),
}

/// Which part of a list is asked for.
#[derive(Clone, Debug)]
pub struct Window {
    /// The task before the first; none: from the beginning.
    pub after: Option<Position>,
    /// How many tasks at most.
    pub limit: i64,
    /// How many tasks are left out before the first.
    pub offset: i64,
}

macro_rules! questions {
    ($($name:ident = $kind:ident $file:literal;)+) => {$(
        pub(super) static $name: Question =
            Question::$kind(concat!("tasks/", $file), include_str!(concat!("../../sql/tasks/", $file, ".sql")));
    )+};
}

questions! {
    LIST = read "list";
    LIST_PENDING = read "list_pending";
    LIST_COMPLETED = read "list_completed";
    LIST_OLDEST = read "list_oldest";
    LIST_OLDEST_PENDING = read "list_oldest_pending";
    LIST_OLDEST_COMPLETED = read "list_oldest_completed";
    LIST_BY_TITLE = sweep "list_by_title";
    LIST_BY_TITLE_DESCENDING = sweep "list_by_title_descending";
    LIST_BY_UPDATED_AT = sweep "list_by_updated_at";
    LIST_BY_UPDATED_AT_DESCENDING = sweep "list_by_updated_at_descending";
    SEARCH = sweep "search";
    SEARCH_OLDEST = sweep "search_oldest";
    COUNT = read "count";
    COUNT_PENDING = read "count_pending";
    COUNT_COMPLETED = read "count_completed";
    COUNT_FOUND = sweep "count_found";
}

/// Tasks of a list, one after the other, and whether the list goes on.
pub struct Page {
    rows: Vec<Row>,
    /// Whether there are more.
    pub goes_on: bool,
}

impl Page {
    /// The tasks, in the order of the list.
    ///
    /// # Errors
    /// [`Refusal::Broken`] when the table has other columns than this release knows.
    pub fn tasks(&self) -> Result<Vec<Task<&str>>, Refusal> {
        self.rows.iter().map(Task::from_row).collect()
    }

    fn last(&self) -> Result<Option<Task<&str>>, Refusal> {
        self.rows.last().map(Task::from_row).transpose()
    }

    /// Of `rows`, one more than `limit` was asked for: that one only says that there are more.
    fn of(mut rows: Vec<Row>, limit: i64) -> Self {
        let limit = usize::try_from(limit).unwrap_or(0);
        let goes_on = rows.len() > limit;
        rows.truncate(limit);
        Self { rows, goes_on }
    }
}

/// A page of the caller's tasks.
///
/// # Errors
/// As [`Caller::ask`].
pub async fn page(caller: &Caller, listing: &Listing, window: Window) -> Result<Page, Refusal> {
    let limit = window.limit;
    let (question, values) = tasks_of(listing, window);

    Ok(Page::of(caller.ask(question, values).await?, limit))
}

/// A page of the caller's tasks, and how many the whole list has, in one transaction.
///
/// # Errors
/// As [`Caller::ask`].
pub async fn page_and_count(
    caller: &Caller,
    listing: &Listing,
    window: Window,
) -> Result<(Page, i64), Refusal> {
    let limit = window.limit;
    let (rows, count) = caller.ask_both(tasks_of(listing, window), number_of(listing)).await?;

    let count = count.first().map_or(Ok(0), |row| row.try_get(0));
    Ok((Page::of(rows, limit), count.map_err(|error| Refusal::Broken(error.into()))?))
}

fn tasks_of(listing: &Listing, window: Window) -> (&'static Question, Vec<Value>) {
    let question = match (listing.sort, listing.descending, listing.text.as_str(), listing.status) {
        (Sort::Id, true, "", Status::All) => &LIST,
        (Sort::Id, true, "", Status::Pending) => &LIST_PENDING,
        (Sort::Id, true, "", Status::Completed) => &LIST_COMPLETED,
        (Sort::Id, false, "", Status::All) => &LIST_OLDEST,
        (Sort::Id, false, "", Status::Pending) => &LIST_OLDEST_PENDING,
        (Sort::Id, false, "", Status::Completed) => &LIST_OLDEST_COMPLETED,
        (Sort::Id, true, _, _) => &SEARCH,
        (Sort::Id, false, _, _) => &SEARCH_OLDEST,
        (Sort::Title, false, _, _) => &LIST_BY_TITLE,
        (Sort::Title, true, _, _) => &LIST_BY_TITLE_DESCENDING,
        (Sort::UpdatedAt, false, _, _) => &LIST_BY_UPDATED_AT,
        (Sort::UpdatedAt, true, _, _) => &LIST_BY_UPDATED_AT_DESCENDING,
    };

    let by_id_alone = listing.sort == Sort::Id && listing.text.is_empty();
    let mut values = if by_id_alone { vec![] } else { filter(listing) };
    values.extend(match (listing.sort, window.after) {
        (Sort::Title, Some(Position::Title(title, id))) => vec![value(title), value(id)],
        (Sort::Title, _) => vec![value(None::<String>), value(None::<i64>)],
        (Sort::UpdatedAt, Some(Position::UpdatedAt(time, id))) => vec![value(time), value(id)],
        (Sort::UpdatedAt, _) => vec![value(None::<Timestamp>), value(None::<i64>)],
        (Sort::Id, Some(Position::Id(id))) => vec![value(id)],
        (Sort::Id, _) => vec![value(if listing.descending { i64::MAX } else { 0 })],
    });
    values.extend([value(window.limit.saturating_add(1)), value(window.offset)]);
    (question, values)
}

fn number_of(listing: &Listing) -> (&'static Question, Vec<Value>) {
    match (listing.text.as_str(), listing.status) {
        ("", Status::All) => (&COUNT, vec![]),
        ("", Status::Pending) => (&COUNT_PENDING, vec![]),
        ("", Status::Completed) => (&COUNT_COMPLETED, vec![]),
        _ => (&COUNT_FOUND, filter(listing)),
    }
}

fn filter(listing: &Listing) -> Vec<Value> {
    vec![value(listing.status.completed()), value(listing.text.clone())]
}

/// The first page of a whole list, in tasks: one transaction is enough for most people.
const FIRST_PAGE: i64 = 100;

/// How long a page after the first is meant to be, in bytes of JSON. For a slow reader two of them are in memory.
const PAGE_BYTES: usize = 128 * 1024;

/// The shortest and the longest page after the first, in tasks: a task takes 200 bytes to 9 KB.
const PAGE: (usize, usize) = (20, 1000);

/// The whole list of the caller's tasks, newest first, page by page: each is a transaction of its own, and none is open
/// in between.
pub struct Pages {
    caller: Caller,
    listing: Listing,
    after: Option<Position>,
    /// What `after` was before the last page.
    before: Option<Position>,
    limit: i64,
}

impl Pages {
    /// Of the caller's tasks of that status.
    pub fn new(caller: Caller, status: Status) -> Self {
        Self { caller, listing: Listing::newest_first(status), after: None, before: None, limit: FIRST_PAGE }
    }

    /// Whose list it is.
    pub fn user(&self) -> &UserId {
        self.caller.user()
    }

    /// The next page; past the end an empty one.
    ///
    /// # Errors
    /// As [`Caller::ask`].
    pub async fn next(&mut self) -> Result<Page, Refusal> {
        let window = Window { after: self.after.clone(), limit: self.limit, offset: 0 };
        let page = page(&self.caller, &self.listing, window).await?;

        self.before = self.after.clone();
        if let Some(last) = page.last()? {
            self.after = Some(self.listing.position(&last));
        }
        Ok(page)
    }

    /// Takes back a page of so many tasks, which nobody has seen: the next is as short as can be. False when this one is.
    pub fn step_back(&mut self, tasks: usize) -> bool {
        if tasks <= PAGE.0 {
            return false;
        }
        self.after = self.before.take();
        self.limit = PAGE.0 as i64;
        true
    }

    /// Sets how long the next page is by how many bytes this many tasks have taken: what waits for a slow reader is held
    /// in memory.
    pub fn adapt(&mut self, tasks: usize, bytes: usize) {
        let fitting = PAGE_BYTES * tasks.max(1) / bytes.max(1);
        self.limit = fitting.clamp(PAGE.0, PAGE.1) as i64;
    }
}
