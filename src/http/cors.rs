//! Lets the pages of listed origins read responses (CORS protocol of the Fetch standard).
//!
//! A request of another origin is served as if it had no `Origin` header. `warp::cors` would refuse it, and the layer of
//! tower-http would answer every OPTIONS request as a preflight.

mod origins;

use http::Method;
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, HOST, HeaderMap, HeaderName, HeaderValue,
    ORIGIN, VARY,
};

pub use origins::Origins;

/// How long a browser may cache the response to a preflight, in seconds. Chromium caches no longer.
const MAX_AGE: HeaderValue = HeaderValue::from_static("7200");
const ALLOWED_METHODS: HeaderValue = HeaderValue::from_static("GET, POST, PUT, PATCH, DELETE");
const EXPOSED_HEADERS: HeaderValue = HeaderValue::from_static(
    "link, x-total-count, etag, retry-after, location, ratelimit, ratelimit-policy, allow, www-authenticate, \
     x-request-id, x-rowkeep-position",
);

/// The request headers that every preflight response allows. It also allows those that the preflight asks for: tracing
/// libraries add headers of their own.
const ALLOWED_HEADERS: &str = "authorization, content-type";

/// The longest list of request headers that a preflight may ask for, in bytes.
const MAX_REQUESTED_BYTES: usize = 4096;

/// Marks a response that no page of another origin may read, not even of a listed one.
#[derive(Clone, Copy, Debug)]
pub struct NotForOtherOrigins;

/// Whether this is a preflight request, by which a browser asks whether it may send another request.
pub fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
    method == Method::OPTIONS
        && headers.contains_key(ORIGIN)
        && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// The `Origin` header of a page that another server has sent. The browser needs no permission for pages of this server.
pub fn other_origin(headers: &HeaderMap) -> Option<&HeaderValue> {
    let origin = headers.get(ORIGIN)?;
    let host = headers.get(HOST).map(HeaderValue::as_bytes).unwrap_or_default();
    let is_of_host = [&b"http://"[..], b"https://"].iter().any(|scheme| {
        origin.as_bytes().strip_prefix(*scheme).is_some_and(|rest| rest.eq_ignore_ascii_case(host))
    });
    // A proxy in front can have changed the host.
    let is_of_site = headers.get("sec-fetch-site").is_some_and(|site| site == "same-origin");
    (!is_of_host && !is_of_site).then_some(origin)
}

/// Adds the headers for a page of the listed `origin`. Without one, only says that the response depends on the origin.
pub fn add_headers(headers: &mut HeaderMap, origin: Option<HeaderValue>) {
    headers.append(VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = origin {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED_HEADERS);
    }
}

/// The headers that only the response to a preflight of a listed origin has. They replace others.
pub fn preflight_headers(request: &HeaderMap) -> [(HeaderName, HeaderValue); 4] {
    let allowed = HeaderValue::try_from(allowed_headers(request));
    [
        (ACCESS_CONTROL_ALLOW_METHODS, ALLOWED_METHODS),
        (ACCESS_CONTROL_ALLOW_HEADERS, allowed.unwrap_or(HeaderValue::from_static(ALLOWED_HEADERS))),
        (ACCESS_CONTROL_MAX_AGE, MAX_AGE),
        (VARY, HeaderValue::from_static("Origin, Access-Control-Request-Headers")),
    ]
}

/// The headers that a request of a listed origin may have: the usual ones, and those that its preflight asks for.
fn allowed_headers(request: &HeaderMap) -> String {
    let requested = request.get(ACCESS_CONTROL_REQUEST_HEADERS).and_then(|list| list.to_str().ok());
    let requested = requested.filter(|list| list.len() <= MAX_REQUESTED_BYTES).unwrap_or_default();
    let mut allowed = ALLOWED_HEADERS.to_owned();
    for name in requested.split(',') {
        // `*` is a valid name, and would look like a permission for all.
        let Ok(name) = HeaderName::from_bytes(name.trim().as_bytes()) else { continue };
        if name.as_str() != "*" && !allowed.split(", ").any(|known| known == name.as_str()) {
            allowed.push_str(", ");
            allowed.push_str(name.as_str());
        }
    }
    allowed
}
