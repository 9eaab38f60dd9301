//! Lets the pages of listed origins read responses (CORS protocol of the Fetch standard).
//!
//! A request of another origin is served as if it had no `Origin` header. `warp::cors` would refuse it, and the layer of
//! tower-http would answer every OPTIONS request as a preflight.

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_METHOD, HeaderMap, HeaderValue, ORIGIN, VARY,
};
use http::{Method, Uri};

/// The origins whose pages may read responses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origins(Vec<HeaderValue>);

/// How long a browser may cache the response to a preflight, in seconds. Chromium caches no longer.
const MAX_AGE: HeaderValue = HeaderValue::from_static("7200");
const ALLOWED_METHODS: HeaderValue = HeaderValue::from_static("GET, POST, PUT, PATCH, DELETE");
const ALLOWED_HEADERS: HeaderValue = HeaderValue::from_static("authorization, content-type");
const EXPOSED_HEADERS: HeaderValue = HeaderValue::from_static(
    "location, link, x-total-count, etag, retry-after, ratelimit, ratelimit-policy, allow, www-authenticate, x-request-id",
);

impl Origins {
    /// Reads a comma-separated list such as `http://localhost:3000,https://tasks.example`.
    ///
    /// # Errors
    /// A sentence that names every entry that is not an origin. `*` is not one: responses depend on the user.
    pub fn parse(list: &str) -> Result<Self, String> {
        let entries = list.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        let (origins, invalid): (Vec<_>, Vec<_>) =
            entries.map(|entry| origin(entry).ok_or(entry)).partition(Result::is_ok);

        if invalid.is_empty() {
            Ok(Self(origins.into_iter().flatten().collect()))
        } else {
            let invalid: Vec<_> =
                invalid.into_iter().filter_map(Result::err).map(|entry| format!("{entry:?}")).collect();
            Err(format!("not an origin like http://localhost:3000: {}", invalid.join(", ")))
        }
    }

    /// Whether this is a preflight request, by which a browser asks whether it may send another request.
    pub fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
        method == Method::OPTIONS
            && headers.contains_key(ORIGIN)
            && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
    }

    /// The `Origin` header of a request, if it is a listed origin.
    pub fn listed(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let origin = headers.get(ORIGIN)?;
        self.0.contains(origin).then(|| origin.clone())
    }
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

/// Adds the headers that only a preflight of a listed origin gets.
pub fn add_preflight_headers(headers: &mut HeaderMap) {
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, ALLOWED_METHODS);
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED_HEADERS);
    headers.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE);
}

/// The `Origin` header that a browser sends: in lower case, without a path and without the default port.
fn origin(entry: &str) -> Option<HeaderValue> {
    let uri: Uri = entry.parse().ok()?;
    let (scheme, authority) = (uri.scheme_str()?, uri.authority()?);
    let host = authority.host().to_ascii_lowercase();
    let rest = authority.as_str().get(host.len()..)?;
    let port: Option<u16> = match rest.strip_prefix(':') {
        Some(port) => Some(port.parse().ok()?),
        None if rest.is_empty() => None,
        None => return None, // user@host
    };
    if !matches!(scheme, "http" | "https")
        || !matches!(uri.path(), "" | "/")
        || uri.query().is_some()
        || host.contains('*')
    {
        return None;
    }

    let text = match (scheme, port) {
        ("http", Some(80)) | ("https", Some(443)) | (_, None) => format!("{scheme}://{host}"),
        (_, Some(port)) => format!("{scheme}://{host}:{port}"),
    };
    HeaderValue::from_str(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(list: &str) -> Vec<String> {
        let origins = Origins::parse(list).expect("a list of origins");
        origins.0.iter().map(|origin| origin.to_str().expect("ASCII").to_owned()).collect()
    }

    #[test]
    fn origins_are_read_as_browsers_send_them() {
        let list =
            " https://Tasks.Example/ ,http://localhost:3000,, https://a.example:443,http://b.example:80";

        let origins = texts(list);

        assert_eq!(
            origins,
            ["https://tasks.example", "http://localhost:3000", "https://a.example", "http://b.example"]
        );
    }

    #[test]
    fn entries_that_are_not_origins_are_named() {
        for entry in ["*", "localhost:3000", "tasks.example", "https://a.example/path", "https://u@a.example"]
        {
            let error = Origins::parse(entry).expect_err(entry);
            assert!(error.contains(entry), "{error}");
        }
    }
}
