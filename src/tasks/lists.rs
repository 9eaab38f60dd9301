//! Pages of tasks, by keyset pagination.
//!
//! A page begins after the sort value and the id of the last task of the page before. So it costs the same at any depth,
//! and no task is repeated or left out while others insert and delete.

use icu_normalizer::{
    ComposingNormalizerBorrowed as ComposingNormalizer,
    DecomposingNormalizerBorrowed as DecomposingNormalizer,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio_postgres::Row;

use super::Task;
use super::queries::*;
use crate::refusal::Refusal;
use crate::session::{BoundQuery, Caller, Parameter, parameter};

/// Which tasks are in a list, by their status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub enum Status {
    #[default]
    All,
    Pending,
    Completed,
}

impl Status {
    /// The value of `completed` that the tasks must have; `None` for any.
    fn completed(self) -> Option<bool> {
        match self {
            Self::All => None,
            Self::Pending => Some(false),
            Self::Completed => Some(true),
        }
    }
}

/// The order of a list. Tasks with equal values are in the order of their ids.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub enum Sort {
    /// By id, which is the order of creation.
    #[default]
    Id,
    UpdatedAt,
    /// By title, compared by code point.
    Title,
}

/// The filter and the order of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Listing {
    pub status: Status,
    /// A text that title or description must contain, in any case. Empty for all tasks.
    pub text: String,
    pub sort: Sort,
    pub descending: bool,
}

impl Listing {
    /// All tasks with that status, newest first.
    pub fn newest_first(status: Status) -> Self {
        Self { status, text: String::new(), sort: Sort::Id, descending: true }
    }

    /// The position in this list after `task`.
    pub fn position<Text: AsRef<str>>(&self, task: &Task<Text>) -> Position {
        match self.sort {
            Sort::Id => Position::Id(task.id),
            Sort::UpdatedAt => Position::UpdatedAt(task.updated_at, task.id),
            Sort::Title => Position::Title(task.title.as_ref().to_owned(), task.id),
        }
    }
}

/// The last task of a page: its sort value and its id. The next page begins after it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Position {
    Id(i64),
    UpdatedAt(Timestamp, i64),
    Title(String, i64),
}

/// The part of a list that a page shows.
#[derive(Clone, Debug)]
pub struct Window {
    /// The position that the page begins after; `None` for the first page.
    pub after: Option<Position>,
    /// The largest number of tasks.
    pub limit: i64,
    /// How many tasks are skipped before the first.
    pub offset: i64,
}

/// Consecutive tasks of a list.
pub struct Page {
    rows: Vec<Row>,
    /// Whether the list has more tasks after this page.
    pub has_more: bool,
}

impl Page {
    /// The tasks, in the order of the list.
    ///
    /// # Errors
    /// [`Refusal::Broken`] if the table does not have the columns of this release.
    pub fn tasks(&self) -> Result<Vec<Task<&str>>, Refusal> {
        self.rows.iter().map(Task::from_row).collect()
    }

    /// A page of the first `limit` rows. The query reads one row more, which only tells whether there are more.
    fn new(mut rows: Vec<Row>, limit: i64) -> Self {
        let limit = usize::try_from(limit).unwrap_or(0);
        let has_more = rows.len() > limit;
        rows.truncate(limit);
        Self { rows, has_more }
    }
}

/// Returns a page of the caller's tasks.
///
/// # Errors
/// As [`Caller::query`].
pub async fn page(caller: &Caller, listing: &Listing, window: Window) -> Result<Page, Refusal> {
    let limit = window.limit;
    let rows = caller.query(page_query(listing, window)).await?;

    Ok(Page::new(rows, limit))
}

/// Returns a page of the caller's tasks and the length of the whole list, from one transaction.
///
/// # Errors
/// As [`Caller::query`].
pub async fn page_and_count(
    caller: &Caller,
    listing: &Listing,
    window: Window,
) -> Result<(Page, i64), Refusal> {
    let limit = window.limit;
    let (rows, count) = caller.query_both(page_query(listing, window), count_query(listing)).await?;

    let count = count.first().map_or(Ok(0), |row| row.try_get(0));
    Ok((Page::new(rows, limit), count.map_err(|error| Refusal::Broken(error.into()))?))
}

fn page_query(listing: &Listing, window: Window) -> BoundQuery {
    let query = match (listing.sort, listing.descending, listing.text.as_str(), listing.status) {
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

    let is_by_id_without_filter = listing.sort == Sort::Id && listing.text.is_empty();
    let mut parameters = if is_by_id_without_filter { vec![] } else { filter(listing) };
    parameters.extend(match (listing.sort, window.after) {
        (Sort::Title, Some(Position::Title(title, id))) => vec![parameter(title), parameter(id)],
        (Sort::Title, _) => vec![parameter(None::<String>), parameter(None::<i64>)],
        (Sort::UpdatedAt, Some(Position::UpdatedAt(time, id))) => vec![parameter(time), parameter(id)],
        (Sort::UpdatedAt, _) => vec![parameter(None::<Timestamp>), parameter(None::<i64>)],
        (Sort::Id, Some(Position::Id(id))) => vec![parameter(id)],
        (Sort::Id, _) => vec![parameter(if listing.descending { i64::MAX } else { 0 })],
    });
    parameters.extend([parameter(window.limit.saturating_add(1)), parameter(window.offset)]);
    query.bind(parameters)
}

fn count_query(listing: &Listing) -> BoundQuery {
    match (listing.text.as_str(), listing.status) {
        ("", Status::All) => COUNT.bind(vec![]),
        ("", Status::Pending) => COUNT_PENDING.bind(vec![]),
        ("", Status::Completed) => COUNT_COMPLETED.bind(vec![]),
        _ => COUNT_FOUND.bind(filter(listing)),
    }
}

/// The parameters of a search. Unicode has two forms of letters with accents, such as é. A text can have both, so the text
/// to find is asked for in each form. As it stands it is asked for only if it has both: otherwise it is one of these.
fn filter(listing: &Listing) -> Vec<Parameter> {
    let text = listing.text.as_str();
    let composed = ComposingNormalizer::new_nfc().normalize(text).into_owned();
    let decomposed = DecomposingNormalizer::new_nfd().normalize(text).into_owned();
    let literal = (text != composed && text != decomposed).then(|| text.to_owned());
    let decomposed = (decomposed != composed).then_some(decomposed);
    vec![
        parameter(listing.status.completed()),
        parameter(composed),
        parameter(decomposed),
        parameter(literal),
    ]
}
