//! Reads a key set from its location: with a few bounded HTTP requests, or from one small file.

#[cfg(any(test, fuzzing))]
pub(super) mod fuzz;

use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use headers::{CacheControl, Header};
use http::header::{ACCEPT, AGE, CACHE_CONTROL};
use http::{HeaderValue, StatusCode};
use reqwest::redirect::Policy;
use tokio::sync::Semaphore;
use url::Url;

use crate::error_chain::chain;
use crate::outgoing;
use crate::time_limit::within;

/// The longest key set, in bytes. A set has a few keys of a few hundred bytes each.
const MAX_SET_BYTES: u64 = 1024 * 1024;

const MAX_REDIRECTS: usize = 3;

/// How long a set stays fresh if the issuer does not say, as Better Auth does not.
const DEFAULT_MAX_AGE: Duration = Duration::from_secs(300);

/// How long a set stays fresh if the issuer forbids to cache it.
const NO_CACHE_MAX_AGE: Duration = Duration::from_secs(60);

/// The limits of what an issuer may say. A short age would cost too many reads, and with a long one a retired key would
/// stay for too long.
const SHORTEST_MAX_AGE: Duration = Duration::from_secs(1);
const LONGEST_MAX_AGE: Duration = Duration::from_secs(3600);

/// How often a file is read.
const FILE_INTERVAL: Duration = Duration::from_secs(1);

/// Why a key set cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ReadProblem {
    /// The issuer answers with another status than 200.
    Status(StatusCode),
    /// The issuer redirects to where keys are not read from. The text is for the log.
    Redirect(String),
    /// The issuer answers, and not with a key set. The text is for the log.
    NotAKeySet(String),
    /// It is a key set, and no key of it can be used. The text is for the log.
    NoUsableKey(String),
    /// No answer came in time.
    Silent,
    /// The issuer cannot be reached. The text is for the log.
    Unreachable(String),
    /// The file cannot be read. The text is for the log.
    File(String),
}

/// For the log.
impl std::fmt::Display for ReadProblem {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Status(status) => write!(out, "it answers {status}"),
            Self::Redirect(text)
            | Self::NotAKeySet(text)
            | Self::NoUsableKey(text)
            | Self::Unreachable(text)
            | Self::File(text) => out.write_str(text),
            Self::Silent => out.write_str("it does not answer in time"),
        }
    }
}

impl ReadProblem {
    /// The problem in words that clients may read.
    pub(super) fn for_clients(&self) -> String {
        match self {
            Self::Status(_) | Self::Silent => self.to_string(),
            Self::Redirect(_) => "it redirects to another server".into(),
            Self::NotAKeySet(_) => "it is not a key set".into(),
            Self::NoUsableKey(_) => "it has no key that can be used".into(),
            Self::Unreachable(_) => "its server cannot be reached".into(),
            Self::File(_) => "the log of this server says why".into(),
        }
    }

    /// What it usually means if the issuer is a Better Auth server.
    pub(super) fn of_better_auth(&self) -> Option<&'static str> {
        match self {
            Self::Status(StatusCode::INTERNAL_SERVER_ERROR) => Some(
                "Better Auth usually answers so when its jwks table is missing: run npx auth@latest migrate there",
            ),
            Self::Status(StatusCode::NOT_FOUND) | Self::NotAKeySet(_) => Some(
                "usually the jwt plugin is missing there, or Better Auth has another path: add jwt() to its plugins, or put \
                 the path into BETTER_AUTH_URL",
            ),
            Self::Redirect(_) => Some("set BETTER_AUTH_URL to the address that it redirects to"),
            _ => None,
        }
    }
}

/// Where a key set is.
#[derive(Clone, PartialEq, Eq)]
pub enum JwksLocation {
    /// At the first of these URLs that answers with a key set.
    Urls(Vec<Url>),
    /// In this file.
    File(PathBuf),
}

impl JwksLocation {
    /// All places, for the log.
    pub(super) fn places(&self) -> String {
        match self {
            Self::Urls(urls) => urls.iter().map(without_query).collect::<Vec<_>>().join(" or "),
            Self::File(path) => path.display().to_string(),
        }
    }
}

/// Without the query of a URL, which can hold a password.
impl std::fmt::Debug for JwksLocation {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Urls(urls) => out.debug_list().entries(urls.iter().map(without_query)).finish(),
            Self::File(path) => path.fmt(out),
        }
    }
}

/// A URL without its query.
fn without_query(url: &Url) -> String {
    format!("{}{}", url.origin().ascii_serialization(), url.path())
}

/// The text of a key set.
pub(super) struct JwksText {
    bytes: Vec<u8>,
    /// How long it can be used before it is read again.
    max_age: Duration,
}

/// Reads a key set.
pub(super) enum JwksReader {
    Urls {
        client: reqwest::Client,
        urls: Vec<Url>,
        /// How long each URL may take.
        timeout: Duration,
    },
    File {
        path: PathBuf,
        /// One permit, held while the file is read. A file on a network can hang, and then only one thread must hang.
        permits: Arc<Semaphore>,
    },
}

impl JwksReader {
    /// A reader that takes at most `timeout` for each URL.
    ///
    /// # Errors
    /// When the HTTP client cannot be built.
    pub(super) fn new(location: &JwksLocation, timeout: Duration) -> Result<Self, String> {
        match location {
            JwksLocation::File(path) => {
                Ok(Self::File { path: path.clone(), permits: Arc::new(Semaphore::new(1)) })
            }
            JwksLocation::Urls(urls) => {
                let client = client(urls).map_err(|error| chain(&error))?;
                Ok(Self::Urls { client, urls: urls.clone(), timeout })
            }
        }
    }

    /// Reads the first text that `parse` accepts. `parse` gets the text and its place, for the log. Returns what it made of
    /// them, and for how long that can be used.
    ///
    /// # Errors
    /// The problem of a key set without a usable key, or else the first problem.
    pub(super) async fn read<T>(
        &self,
        parse: impl Fn(Vec<u8>, String) -> Result<T, ReadProblem>,
    ) -> Result<(T, Duration), ReadProblem> {
        match self {
            Self::File { path, permits } => {
                let bytes = read_in_thread(path.clone(), permits).await.map_err(ReadProblem::File)?;
                check_length(&bytes).map_err(ReadProblem::NotAKeySet)?;
                Ok((parse(bytes, path.display().to_string())?, FILE_INTERVAL))
            }
            Self::Urls { client, urls, timeout } => {
                let mut problem = None;
                for url in urls {
                    // Not the time limit of the client: it looks at the clock before it reads what has arrived.
                    let response =
                        within(*timeout, fetch(client, url)).await.unwrap_or(Err(ReadProblem::Silent));
                    match response.and_then(|text| Ok((parse(text.bytes, without_query(url))?, text.max_age)))
                    {
                        Ok(read) => return Ok(read),
                        // Some servers answer unknown paths with a page, with an empty set, or not at all: the keys can still
                        // be at the next URL.
                        Err(found @ ReadProblem::NoUsableKey(_)) => problem = Some(found),
                        Err(found) => problem = problem.or(Some(found)),
                    }
                }
                Err(problem.unwrap_or(ReadProblem::Silent))
            }
        }
    }
}

/// # Errors
/// The problem, for the log.
async fn read_in_thread(path: PathBuf, permits: &Arc<Semaphore>) -> Result<Vec<u8>, String> {
    let Ok(permit) = permits.clone().try_acquire_owned() else {
        return Err("the last read of the file has not ended yet".into());
    };
    let read = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        read_file(&path)
    });
    read.await.map_err(|error| error.to_string())?.map_err(|error| error.to_string())
}

fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    // Without this flag, opening a pipe would wait for a writer.
    let flags = rustix::fs::OFlags::NONBLOCK.bits();
    let file = OpenOptions::new().read(true).custom_flags(flags.cast_signed()).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut bytes = Vec::new();
    file.take(MAX_SET_BYTES + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

async fn fetch(client: &reqwest::Client, url: &Url) -> Result<JwksText, ReadProblem> {
    let unreachable = |error: reqwest::Error| ReadProblem::Unreachable(chain(&error.without_url()));
    let request = client.get(url.clone()).header(ACCEPT, "application/json, application/jwk-set+json");
    let mut response = request.send().await.map_err(unreachable)?;
    let status = response.status();
    if status.is_redirection() {
        return Err(ReadProblem::Redirect(format!(
            "it redirects ({status}) to another server, from https to http, or more than {MAX_REDIRECTS} times"
        )));
    } else if status != StatusCode::OK {
        return Err(ReadProblem::Status(status));
    }

    let max_age = max_age(response.headers());
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
        bytes.extend_from_slice(&chunk);
        check_length(&bytes).map_err(ReadProblem::NotAKeySet)?;
    }
    Ok(JwksText { bytes, max_age })
}

fn check_length(bytes: &[u8]) -> Result<(), String> {
    if bytes.len() as u64 > MAX_SET_BYTES {
        return Err(format!("it is longer than {MAX_SET_BYTES} bytes"));
    }
    Ok(())
}

/// How long a response stays fresh by its `Cache-Control` and `Age` (RFC 9111, sections 4.2.1 and 5.2.2), within limits.
fn max_age(headers: &http::HeaderMap) -> Duration {
    // Directives may have any case, but the parser knows lower case only.
    let values = headers.get_all(CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    let values = values.map(str::to_ascii_lowercase).filter_map(|value| HeaderValue::try_from(value).ok());
    let values: Vec<_> = values.collect();
    // One directive that cannot be read makes the parser refuse them all. Those that can be read count all the same.
    let control = CacheControl::decode(&mut values.iter()).or_else(|_| {
        let entries =
            values.iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
        let entries = entries.filter_map(|entry| HeaderValue::try_from(entry).ok());
        let readable = entries.filter(|entry| CacheControl::decode(&mut std::iter::once(entry)).is_ok());
        CacheControl::decode(&mut readable.collect::<Vec<_>>().iter())
    });
    let Ok(control) = control else { return DEFAULT_MAX_AGE };
    let age = headers.get(AGE).and_then(|age| age.to_str().ok()).and_then(|age| age.trim().parse().ok());
    match control.max_age() {
        _ if control.no_store() || control.no_cache() => NO_CACHE_MAX_AGE,
        Some(Duration::ZERO) => NO_CACHE_MAX_AGE,
        Some(max_age) => match max_age.saturating_sub(Duration::from_secs(age.unwrap_or(0))) {
            // A cache on the network serves a response that is too old. It will not have a fresher one in a second.
            Duration::ZERO => NO_CACHE_MAX_AGE,
            left => left.clamp(SHORTEST_MAX_AGE, LONGEST_MAX_AGE),
        },
        None => DEFAULT_MAX_AGE,
    }
}

fn client(urls: &[Url]) -> reqwest::Result<reqwest::Client> {
    let redirects = Policy::custom(|attempt| {
        let may_follow = attempt.previous().last().is_some_and(|from| may_follow(from, attempt.url()));
        if may_follow && attempt.previous().len() <= MAX_REDIRECTS {
            attempt.follow()
        } else {
            attempt.stop()
        }
    });

    outgoing::client(&urls.iter().collect::<Vec<_>>(), outgoing::roots())
        .redirect(redirects)
        // There is one request in minutes. The server would have closed a pooled connection by then.
        .pool_max_idle_per_host(0)
        .build()
}

/// Keys come only from the configured server: an open redirect there must not lead to keys of an attacker. A redirect may
/// change the path, or http to https, and never https to http.
fn may_follow(from: &Url, to: &Url) -> bool {
    let is_upgrade = from.scheme() == "http" && to.scheme() == "https";
    let same_port = from.port_or_known_default() == to.port_or_known_default();
    from.host() == to.host() && (is_upgrade || from.scheme() == to.scheme() && same_port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_leads_neither_to_another_server_nor_from_https_to_http() {
        for (from, to, follows) in [
            ("https://a.example/jwks", "https://a.example/keys/", true),
            ("http://a.example/jwks", "https://a.example/jwks", true),
            ("http://127.0.0.1:3000/jwks", "https://127.0.0.1:3443/jwks", true),
            ("http://127.0.0.1:3000/jwks", "http://127.0.0.1:3000/keys", true),
            ("https://a.example/jwks", "http://a.example/jwks", false),
            ("https://a.example/jwks", "http://a.example:443/jwks", false),
            ("https://a.example/jwks", "https://a.example:8443/jwks", false),
            ("https://a.example/jwks", "https://www.a.example/jwks", false),
            ("http://127.0.0.1:3000/jwks", "http://127.0.0.1:4000/jwks", false),
            ("http://localhost:3000/jwks", "http://127.0.0.1:3000/jwks", false),
        ] {
            let url = |text| Url::parse(text).expect("a URL");
            assert_eq!(may_follow(&url(from), &url(to)), follows, "{from} to {to}");
        }
    }

    #[test]
    fn a_set_stays_fresh_for_as_long_as_its_issuer_says_within_limits() {
        for (control, age, seconds) in [
            (None, None, 300),
            (Some("max-age=600"), None, 600),
            (Some("public, max-age=600, must-revalidate"), Some("100"), 500),
            (Some("max-age=600"), Some("1000"), 60),
            (Some("max-age=600"), Some("soon"), 600),
            (Some("max-age=2"), None, 2),
            (Some("Public, Max-Age=20"), None, 20),
            (Some("NO-CACHE"), None, 60),
            (Some("max-age=31536000, immutable"), None, 3600),
            (Some("max-age=0"), None, 60),
            (Some("no-store"), None, 60),
            (Some("private, no-cache, max-age=600"), None, 60),
            (Some("public"), None, 300),
            (Some("max-age=soon"), None, 300),
            (Some("max-age=700, min-fresh=soon"), None, 700),
            (Some("no-store, max-age=soon"), None, 60),
        ] {
            let mut headers = http::HeaderMap::new();
            control.map(|control| headers.insert("cache-control", control.parse().expect("a value")));
            age.map(|age| headers.insert("age", age.parse().expect("a value")));

            assert_eq!(max_age(&headers), Duration::from_secs(seconds), "{control:?} {age:?}");
        }
    }
}
