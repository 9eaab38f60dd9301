//! A fuzz target: a query string asks for what it says, within the limits, and the link to the next page asks for the same.

use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use http::{HeaderValue, Request, StatusCode};
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use jiff::Timestamp;
use warp::Filter;

use crate::auth::{TokenRules, UserId, Verifier};
use crate::http::request::call;
use crate::http::{App, Timeouts};

use super::*;

static APP: LazyLock<App> = LazyLock::new(|| {
    let rules =
        TokenRules { sources: vec![], user_claim: "sub".into(), max_lifetime: 3600, not_before: None };
    let second = Duration::from_secs(1);
    App::new(Verifier::new(&rules).expect("rules"), Timeouts { request: second, keep_alive: second })
});

static CURSORS: LazyLock<Cursors> = LazyLock::new(|| Cursors::new(&[7; 32]).expect("a key of 32 bytes"));

/// What a query string asks for, by a reader of its own.
#[derive(Debug, PartialEq)]
struct Wanted {
    limit: i64,
    offset: i64,
    listing: Listing,
    with_count: bool,
}

/// The input is a query string.
pub fn page_request(input: &[u8]) -> bool {
    let Ok(query) = std::str::from_utf8(input) else { return false };
    let Some(call) = call_with(query) else { return false };
    let user = UserId::from("alice");
    let parse = |call: &Call| PageRequest::parse(call, &user, || Ok(&CURSORS));

    // Only the server can write a cursor: one in the input is refused, and so is everything with it.
    let has_cursor = parameters(query).iter().any(|(name, _)| name == "cursor");
    let request = match (parse(&call), wanted(query).filter(|_| !has_cursor)) {
        (Ok(request), Some(wanted)) => {
            assert_eq!(asks_for(&request), wanted, "{query:?}");
            request
        }
        (Err(Refusal::Invalid(_)), None) => return false,
        (found, wanted) => panic!("{query:?}: {:?} {wanted:?}", found.map(|found| asks_for(&found))),
    };
    assert!((1..=1000).contains(&request.window.limit), "{query:?}");
    assert!((0..=10_000).contains(&request.window.offset), "{query:?}");
    assert_eq!(request.window.after, None, "{query:?}");

    let position = match request.listing.sort {
        Sort::Id => Position::Id(i64::MAX),
        Sort::UpdatedAt => Position::UpdatedAt(Timestamp::UNIX_EPOCH, 7),
        Sort::Title => Position::Title("a\"b&c=d>;\u{e9}%\n".into(), 7),
    };
    let caller = Caller::new(None, user.clone());
    let link = request.link_to_next(&position, &caller, &CURSORS).expect("a link");
    assert!(link.is_ascii() && HeaderValue::try_from(&link).is_ok(), "{link:?}");
    let next = link.strip_prefix("</api/v1/tasks?").and_then(|link| link.strip_suffix(">; rel=\"next\""));
    let next = next.unwrap_or_else(|| panic!("{link:?}"));
    let next_call = call_with(next).unwrap_or_else(|| panic!("{link:?} cannot be requested"));
    let next = parse(&next_call).unwrap_or_else(|refusal| panic!("{link:?}: {refusal:?}"));

    assert_eq!(next.window.after, Some(position), "{link:?}");
    assert_eq!(asks_for(&next), Wanted { offset: 0, ..asks_for(&request) }, "{link:?}");
    let other = PageRequest::parse(&next_call, &UserId::from("bob"), || Ok(&CURSORS));
    assert!(other.is_err(), "the cursor of another user is accepted");
    true
}

fn asks_for(request: &PageRequest) -> Wanted {
    Wanted {
        limit: request.window.limit,
        offset: request.window.offset,
        listing: request.listing.clone(),
        with_count: request.with_count,
    }
}

/// The call of a request with this query; `None` if no request can have it.
fn call_with(query: &str) -> Option<Call> {
    let request = Request::get(format!("/api/v1/tasks?{query}")).body(String::new()).ok()?;
    // A URI ends where a fragment begins, and the query with it.
    if request.uri().query() != Some(query) {
        return None;
    }
    let extracted = Arc::new(Mutex::new(None));
    let place = extracted.clone();
    let filter = call(&APP).map(move |call: Call| {
        *place.lock().expect("not poisoned") = Some(call);
        StatusCode::OK
    });
    let response = TowerToHyperService::new(warp::service(filter)).call(request).now_or_never();
    response.expect("no waiting").expect("a response");
    extracted.lock().expect("not poisoned").take()
}

fn wanted(query: &str) -> Option<Wanted> {
    let parameters = parameters(query);
    let last =
        |name: &str| parameters.iter().rfind(|(known, _)| known == name).map(|(_, value)| value.as_str());
    let number = |text: &str, least: i64, greatest: i64| {
        let is_decimal = !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
        let number = text.trim_start_matches('0');
        let number = if number.is_empty() { Some(0) } else { number.parse().ok() };
        number.filter(|number| is_decimal && (least..=greatest).contains(number))
    };
    // All that are there must be readable, and agree.
    let agreed = |values: Vec<Option<i64>>| {
        let first = values.first().copied().flatten();
        values.iter().all(|value| value.is_some() && *value == first).then_some(first)
    };

    let limits = ["limit", "size", "per_page", "page_size"].into_iter().filter_map(last);
    let limit = agreed(limits.map(|text| number(text, 1, 1000)).collect())?.unwrap_or(100);
    let mut offsets: Vec<_> =
        ["offset", "skip"].into_iter().filter_map(last).map(|text| number(text, 0, 10_000)).collect();
    let page =
        last("page").map(|text| number(text, 1, i64::MAX).and_then(|page| (page - 1).checked_mul(limit)));
    offsets.extend(page.map(|offset| offset.filter(|offset| *offset <= 10_000)));
    let offset = agreed(offsets)?.unwrap_or(0);

    let (sort, descending) = match last("sort") {
        None | Some("-created_at" | "-id") => (Sort::Id, true),
        Some("created_at" | "id") => (Sort::Id, false),
        Some("updated_at") => (Sort::UpdatedAt, false),
        Some("-updated_at") => (Sort::UpdatedAt, true),
        Some("title") => (Sort::Title, false),
        Some("-title") => (Sort::Title, true),
        Some(_) => return None,
    };
    let text = match (last("q"), last("search")) {
        (Some(one), Some(other)) if one != other => return None,
        (one, other) => one.or(other).unwrap_or(""),
    };
    let status = match last("status") {
        None | Some("all") => Status::All,
        Some("pending") => Status::Pending,
        Some("completed") => Status::Completed,
        Some(_) => return None,
    };
    let status = match (last("completed"), status) {
        (None, status) => status,
        (Some("true"), Status::All | Status::Completed) => Status::Completed,
        (Some("false"), Status::All | Status::Pending) => Status::Pending,
        _ => return None,
    };
    let with_count = match last("count") {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return None,
    };
    let listing = Listing { status, text: text.to_owned(), sort, descending };
    Some(Wanted { limit, offset, listing, with_count })
}

/// The decoded parameters of a query string, as the URL standard reads forms.
fn parameters(query: &str) -> Vec<(String, String)> {
    let decoded = |text: &str| {
        let mut bytes = text.bytes().peekable();
        let mut decoded = Vec::new();
        while let Some(byte) = bytes.next() {
            let mut ahead = bytes.clone();
            let mut digit = || ahead.next().and_then(|byte| char::from(byte).to_digit(16));
            match (byte, digit(), digit()) {
                (b'%', Some(high), Some(low)) => {
                    decoded.push((16 * high + low) as u8);
                    bytes = ahead;
                }
                (b'+', ..) => decoded.push(b' '),
                (byte, ..) => decoded.push(byte),
            }
        }
        String::from_utf8_lossy(&decoded).into_owned()
    };
    let parts = query.split('&').filter(|part| !part.is_empty());
    parts
        .map(|part| part.split_once('=').unwrap_or((part, "")))
        .map(|(name, value)| (decoded(name), decoded(value)))
        .collect()
}
