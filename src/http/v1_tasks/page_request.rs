//! The query parameters of a page, and the link to the next one.

#[cfg(any(test, fuzzing))]
#[allow(clippy::panic, reason = "a target fails by a panic")]
pub(in crate::http) mod fuzz;

use std::ops::RangeInclusive;

use crate::auth::UserId;
use crate::cursor::{Cursors, Next};
use crate::http::request::Call;
use crate::refusal::Refusal;
use crate::session::{Caller, Freshness, Seen, WalPosition};
use crate::tasks::{Listing, Position, Sort, Status, Window};

/// How many tasks a page has at most.
pub const LIMIT: RangeInclusive<i64> = 1..=1000;
pub const DEFAULT_LIMIT: i64 = 100;

/// How many tasks `offset` may skip. Postgres reads and discards them, so clients follow `Link` to go further.
pub const OFFSET: RangeInclusive<i64> = 0..=10_000;

/// The orders of a list, each also with `-` in front.
pub const SORTS: [&str; 4] = ["created_at", "updated_at", "title", "id"];

/// The query parameters. Those in a line of several names are one parameter, as other servers name it.
pub const LIMIT_NAMES: [&str; 4] = ["limit", "size", "per_page", "page_size"];
pub const OFFSET_NAMES: [&str; 3] = ["offset", "skip", "page"];
pub const TEXT_NAMES: [&str; 2] = ["q", "search"];
const OTHER_NAMES: [&str; 5] = ["cursor", "status", "completed", "sort", "count"];

/// A request for a page of tasks.
pub struct PageRequest {
    pub listing: Listing,
    pub window: Window,
    /// Whether the response must have the length of the whole list.
    pub with_count: bool,
    /// What the pages before have seen of the database, where replicas serve reads.
    seen_before: Option<WalPosition>,
    /// The parameters that the link to the next page repeats.
    link_parameters: Vec<(&'static str, String)>,
}

impl PageRequest {
    /// Reads the query parameters.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] for the first parameter that is not acceptable, or a cursor of another list;
    /// [`Refusal::Busy`] for a cursor if the database was not reached yet.
    pub fn read(call: &Call, caller: &Caller) -> Result<Self, Refusal> {
        let request = Self::parse(call, caller.user(), || call.cursors())?;
        // On an older replica, tasks that were on no page yet could be missing.
        if let (Some(position), Some(seen)) = (request.seen_before, caller.seen()) {
            seen.must_see(Freshness::At(position));
        }
        Ok(request)
    }

    fn parse<'a>(
        call: &Call,
        user: &UserId,
        cursors: impl FnOnce() -> Result<&'a Cursors, Refusal>,
    ) -> Result<Self, Refusal> {
        let limit = one_of(&LIMIT_NAMES, |name| number(call, name, LIMIT, ""))?.map(|(_, limit)| limit);
        let tasks_in_page = limit.unwrap_or(DEFAULT_LIMIT);
        let offset = one_of(&OFFSET_NAMES, |name| offset(call, name, tasks_in_page))?;
        let (sort, descending) = sort(call.query_parameter("sort").as_deref())?;
        let text = one_of(&TEXT_NAMES, |name| Ok(call.query_parameter(name)))?.map(|(_, text)| text);
        let status = status(call)?;
        let listing = Listing { status, text: text.clone().unwrap_or_default(), sort, descending };
        let with_count = boolean(call, "count")?.unwrap_or(false);

        let after = match (call.query_parameter("cursor"), offset) {
            (None, _) => None,
            (Some(_), Some((name, _))) => {
                return Err(Refusal::invalid(format!(
                    "cursor and {name} exclude each other: send only one of them"
                )));
            }
            (Some(cursor), None) => Some(cursors()?.decrypt(&cursor, user, &listing).ok_or(Refusal::invalid(
                "cursor does not belong to this list: take it from the Link of a page with the same status, sort and q, or \
                 start again without a cursor",
            ))?),
        };

        let (after, seen_before) =
            after.map(Next::parts).map_or((None, None), |(after, seen)| (Some(after), seen));
        let others = ["status", "completed", "sort", "count"].map(|name| (name, call.query_parameter(name)));
        let link_parameters = [("limit", limit.map(|limit| limit.to_string())), ("q", text)];
        let link_parameters = link_parameters.into_iter().chain(others);
        let link_parameters = link_parameters.filter_map(|(name, value)| Some((name, value?))).collect();
        let window = Window { after, limit: tasks_in_page, offset: offset.map_or(0, |(_, offset)| offset) };
        Ok(Self { listing, window, with_count, seen_before, link_parameters })
    }

    /// The `Link` header (RFC 8288) to the page after `position`; `None` if the cursor cannot be encrypted.
    pub fn link_to_next(&self, position: &Position, caller: &Caller, cursors: &Cursors) -> Option<String> {
        let next = Next::new(position.clone(), caller.seen().and_then(Seen::position));
        let cursor = cursors.encrypt(&next, caller.user(), &self.listing)?;
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(&self.link_parameters).append_pair("cursor", &cursor);
        Some(format!("</api/v1/tasks?{}>; rel=\"next\"", query.finish()))
    }
}

/// Reads the sort order. `created_at` sorts by id: ids ascend with creation.
fn sort(text: Option<&str>) -> Result<(Sort, bool), Refusal> {
    let text = text.unwrap_or("-created_at");
    let (name, descending) = match text.strip_prefix('-') {
        Some(name) => (name, true),
        None => (text, false),
    };
    match name {
        "id" | "created_at" => Ok((Sort::Id, descending)),
        "updated_at" => Ok((Sort::UpdatedAt, descending)),
        "title" => Ok((Sort::Title, descending)),
        _ => Err(Refusal::invalid(
            "sort must be created_at, updated_at, title or id, with - in front for descending order",
        )),
    }
}

/// `status` and `completed` are two spellings of the same filter.
fn status(call: &Call) -> Result<Status, Refusal> {
    let known = [&LIMIT_NAMES[..], &OFFSET_NAMES, &TEXT_NAMES, &OTHER_NAMES].concat();
    let status = call.status_among(&known)?;
    let completed = match boolean(call, "completed")? {
        None => return Ok(status),
        Some(true) => Status::Completed,
        Some(false) => Status::Pending,
    };
    if status == Status::All || status == completed {
        Ok(completed)
    } else {
        Err(contradiction("status", "completed"))
    }
}

/// The value of a parameter that has several names, and the name that the request uses.
///
/// # Errors
/// Those of `read`, and [`Refusal::Invalid`] if the request has two names with different values.
fn one_of<T: PartialEq>(
    names: &[&'static str],
    read: impl Fn(&'static str) -> Result<Option<T>, Refusal>,
) -> Result<Option<(&'static str, T)>, Refusal> {
    let mut found: Option<(&str, T)> = None;
    for &name in names {
        let Some(value) = read(name)? else { continue };
        match &found {
            Some((other, known)) if *known != value => return Err(contradiction(other, name)),
            Some(_) => {}
            None => found = Some((name, value)),
        }
    }
    Ok(found)
}

fn contradiction(one: &str, other: &str) -> Refusal {
    Refusal::invalid(format!("{one} and {other} contradict each other: send only one of them"))
}

/// How many tasks are skipped. `page` counts pages from 1.
fn offset(call: &Call, name: &str, limit: i64) -> Result<Option<i64>, Refusal> {
    const ADVICE: &str = ": to go further, follow Link";
    if name != "page" {
        return number(call, name, OFFSET, ADVICE);
    }
    let last = OFFSET.end() / limit + 1;
    Ok(number(call, name, 1..=last, ADVICE)?.map(|page| (page - 1) * limit))
}

fn boolean(call: &Call, name: &str) -> Result<Option<bool>, Refusal> {
    match call.query_parameter(name).as_deref() {
        None => Ok(None),
        Some("true") => Ok(Some(true)),
        Some("false") => Ok(Some(false)),
        Some(_) => Err(Refusal::invalid(format!("{name} must be true or false"))),
    }
}

fn number(call: &Call, name: &str, range: RangeInclusive<i64>, advice: &str) -> Result<Option<i64>, Refusal> {
    let Some(text) = call.query_parameter(name) else { return Ok(None) };
    let is_decimal = text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(number) if is_decimal && range.contains(&number) => Ok(Some(number)),
        _ => {
            let (least, greatest) = (range.start(), range.end());
            Err(Refusal::invalid(format!("{name} must be a number from {least} to {greatest}{advice}")))
        }
    }
}
