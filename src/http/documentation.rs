//! The documentation that the server itself has: `/` leads to it, `/openapi.json` is for programs, and `/docs` for people.

mod page;
mod ready_token;

use bytes::Bytes;
use headers::{ETag, HeaderMapExt, IfNoneMatch};
use http::StatusCode;
use http::header::{CACHE_CONTROL, ETAG, HeaderMap, HeaderValue};
use serde_json::{Value, json as object};
use warp::Filter;
use warp::filters::BoxedFilter;

use super::App;
use super::openapi;
use super::response::{DEFAULT_ERRORS, Response, empty, json_text, ok, with_header};
use crate::refusal::Refusal;
pub(super) use ready_token::MintToken;

/// `GET /`, `GET /openapi.json` and `GET /docs`, with what belongs to that page.
pub(super) fn routes(app: &App) -> BoxedFilter<(Response,)> {
    let document = Bytes::from(openapi::document(&app.envelopes, app.has_replicas).to_string());
    let tag = entity_tag(&document);

    let index_path = warp::path::end();
    let index = index_path.and(warp::get()).map(|| ok(&index()));
    let document_path = warp::path!("openapi.json");
    let document = document_path
        .and(warp::get())
        .and(warp::header::headers_cloned())
        .map(move |headers| unless_cached(&headers, &tag, || json_text(document.clone())));

    let index = index.or(index_path.map(get_only)).unify();
    let document = document.or(document_path.map(get_only)).unify();
    index.or(document).unify().or(page::routes(app)).unify().or(ready_token::routes(app)).unify().boxed()
}

fn get_only() -> Response {
    DEFAULT_ERRORS.refuse(Refusal::MethodNotAllowed("GET, HEAD, OPTIONS"))
}

/// What `/` answers.
pub(super) fn index() -> Value {
    object!({
        "name": "Rowkeep",
        "version": env!("CARGO_PKG_VERSION"),
        "docs": "/docs",
        "openapi": "/openapi.json",
        "health": "/health",
    })
}

/// The first digits of the SHA-256 of these bytes.
fn digits(bytes: &[u8]) -> String {
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
    hash.as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// A tag of these bytes. It is weak, so that it also names their compressed form.
fn entity_tag(bytes: &[u8]) -> HeaderValue {
    HeaderValue::try_from(format!("W/\"{}\"", digits(bytes))).expect("digits are allowed in a header")
}

/// The response with its tag, or 304 if the client has it. Caches ask each time: another release may have another one.
fn unless_cached(request: &HeaderMap, tag: &HeaderValue, response: impl FnOnce() -> Response) -> Response {
    let is_cached = request.typed_get::<IfNoneMatch>().is_some_and(|known| {
        let tag = tag.to_str().ok().and_then(|tag| tag.parse::<ETag>().ok());
        tag.is_some_and(|tag| !known.precondition_passes(&tag))
    });
    let response = if is_cached { empty(StatusCode::NOT_MODIFIED) } else { response() };
    let response = with_header(response, ETAG, tag.clone());
    with_header(response, CACHE_CONTROL, HeaderValue::from_static("no-cache"))
}
