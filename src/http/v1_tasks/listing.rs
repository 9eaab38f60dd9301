//! The parameters of a paged list, and the address of the page that comes next.

use std::ops::RangeInclusive;

use crate::cursor::Cursors;
use crate::http::request::Call;
use crate::refusal::Refusal;
use crate::session::Caller;
use crate::tasks::{Listing, Position, Sort, Status, Window};

/// How many tasks a page has if nobody says, and how many it may have.
const LIMIT: (i64, RangeInclusive<i64>) = (100, 1..=1000);

/// How many tasks may be left out by number: whoever wants more of them follows `Link`.
const OFFSET: RangeInclusive<i64> = 0..=10_000;

/// What a request for a page asks for.
pub struct Asked {
    pub listing: Listing,
    pub window: Window,
    /// Whether the length of the whole list is wanted as well.
    pub counted: bool,
    /// The parameters that hold for every page of the list.
    kept: Vec<(&'static str, String)>,
}

impl Asked {
    /// Reads the parameters of a request.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] for the first that is not acceptable, also for a cursor of another list.
    pub fn read(call: &Call, caller: &Caller, cursors: &Cursors) -> Result<Self, Refusal> {
        let limit = number(call, "limit", LIMIT.1, "limit must be a number from 1 to 1000")?;
        let offset = number(
            call,
            "offset",
            OFFSET,
            "offset must be a number from 0 to 10000: to go further, follow Link",
        )?;
        let (sort, descending) = sort(call.parameter("sort").as_deref())?;
        let text = call.parameter("q").unwrap_or_default();
        let listing = Listing { status: status(call)?, text, sort, descending };
        let counted = boolean(call, "count", "count must be true or false")?.unwrap_or(false);

        let after = match call.parameter("cursor") {
            None => None,
            Some(_) if offset.is_some() => {
                return Err(Refusal::invalid("cursor and offset exclude each other: send one of them"));
            }
            Some(cursor) => Some(cursors.open(&cursor, caller.user(), &listing).ok_or(Refusal::invalid(
                "cursor is not one of this list: take it from the Link of a page with the same status, sort and q, or begin \
                 without one",
            ))?),
        };

        let kept = ["status", "completed", "sort", "q", "count"].map(|name| (name, call.parameter(name)));
        let kept = [("limit", limit.map(|limit| limit.to_string()))].into_iter().chain(kept);
        let kept = kept.filter_map(|(name, value)| Some((name, value?))).collect();
        let window = Window { after, limit: limit.unwrap_or(LIMIT.0), offset: offset.unwrap_or(0) };
        Ok(Self { listing, window, counted, kept })
    }

    /// The `Link` (RFC 8288) to the page after `position`; none, when the cursor cannot be written.
    pub fn next(&self, position: &Position, caller: &Caller, cursors: &Cursors) -> Option<String> {
        let cursor = cursors.seal(position, caller.user(), &self.listing)?;
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(&self.kept).append_pair("cursor", &cursor);
        Some(format!("</api/v1/tasks?{}>; rel=\"next\"", query.finish()))
    }
}

/// `created_at` is the order of the ids.
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
            "sort must be created_at, updated_at, title or id, with - in front for the other way round",
        )),
    }
}

/// `status` and `completed` are two spellings of the same filter.
fn status(call: &Call) -> Result<Status, Refusal> {
    let status = call.status()?;
    let completed = match boolean(call, "completed", "completed must be true or false")? {
        None => return Ok(status),
        Some(true) => Status::Completed,
        Some(false) => Status::Pending,
    };
    if status == Status::All || status == completed {
        Ok(completed)
    } else {
        Err(Refusal::invalid("status and completed contradict each other: send one of them"))
    }
}

fn boolean(call: &Call, name: &str, otherwise: &'static str) -> Result<Option<bool>, Refusal> {
    match call.parameter(name).as_deref() {
        None => Ok(None),
        Some("true") => Ok(Some(true)),
        Some("false") => Ok(Some(false)),
        Some(_) => Err(Refusal::invalid(otherwise)),
    }
}

fn number(
    call: &Call,
    name: &str,
    range: RangeInclusive<i64>,
    otherwise: &'static str,
) -> Result<Option<i64>, Refusal> {
    let Some(text) = call.parameter(name) else { return Ok(None) };
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(number) if digits && range.contains(&number) => Ok(Some(number)),
        _ => Err(Refusal::invalid(otherwise)),
    }
}
