//! Where key sets are, and reading them there: a few bounded requests or one small file.

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
use rustls::ClientConfig;
use tokio::sync::Semaphore;
use url::{Host, Url};

use crate::error_chain::chain;
use crate::tls;

/// A key set has a few keys of a few hundred bytes; what is longer, in bytes, is something else.
const LONGEST_SET: u64 = 1024 * 1024;

/// How many redirects are followed.
const REDIRECTS: usize = 3;

/// How long a set is kept if the issuer does not say, as Better Auth does not.
const UNSAID: Duration = Duration::from_secs(300);

/// How long it is kept if the issuer does not want it kept.
const UNWANTED: Duration = Duration::from_secs(60);

/// What an issuer may ask for: not more often than makes sense, and a key that is retired must be gone some day.
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(3600);

/// How often a file is looked at.
const FILE: Duration = Duration::from_secs(1);

/// Where a key set is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// At the first of these URLs that is there.
    Urls(Vec<Url>),
    /// In this file.
    File(PathBuf),
}

/// The text of a key set, and how long it is good for.
pub(super) struct Text {
    pub(super) bytes: Vec<u8>,
    pub(super) fresh_for: Duration,
}

/// Reads what is at a place.
pub(super) enum Reader {
    Urls {
        client: reqwest::Client,
        urls: Vec<Url>,
    },
    File {
        path: PathBuf,
        /// Whoever reads it has the permit: a file on a network can hang, and nobody else should then wait as well.
        turn: Arc<Semaphore>,
    },
}

impl Reader {
    /// A reader that takes `patience` at most for each URL.
    ///
    /// # Errors
    /// When the system has no use for a client of HTTP.
    pub(super) fn new(place: &Place, patience: Duration) -> Result<Self, String> {
        match place {
            Place::File(path) => Ok(Self::File { path: path.clone(), turn: Arc::new(Semaphore::new(1)) }),
            Place::Urls(urls) => {
                let client = client(urls, patience).map_err(|error| chain(&error))?;
                Ok(Self::Urls { client, urls: urls.clone() })
            }
        }
    }

    /// Reads the first text that `is_set`.
    ///
    /// # Errors
    /// What went wrong, for the log.
    pub(super) async fn read(&self, is_set: impl Fn(&[u8]) -> Result<(), String>) -> Result<Text, String> {
        match self {
            Self::File { path, turn } => {
                let Ok(turn) = turn.clone().try_acquire_owned() else {
                    return Err("it is being read since a while, and does not come".into());
                };
                let path = path.clone();
                let read = tokio::task::spawn_blocking(move || {
                    let _turn = turn;
                    read_file(&path)
                });
                let bytes =
                    read.await.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
                short_enough(&bytes)?;
                is_set(&bytes)?;
                Ok(Text { bytes, fresh_for: FILE })
            }
            Self::Urls { client, urls } => {
                let mut first = None;
                for url in urls {
                    let answer = fetch(client, url).await?;
                    match answer.and_then(|text| is_set(&text.bytes).map(|()| text)) {
                        Ok(text) => return Ok(text),
                        // A page for everything that is not there is nothing, too.
                        Err(problem) => first = first.or(Some(problem)),
                    }
                }
                Err(first.unwrap_or_default())
            }
        }
    }
}

fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    // The opening of a pipe would wait for somebody at its other end.
    let flags = rustix::fs::OFlags::NONBLOCK.bits();
    let file = OpenOptions::new().read(true).custom_flags(flags.cast_signed()).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    let mut bytes = Vec::new();
    file.take(LONGEST_SET + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The inner error says that there is no key set at this URL, so that it makes sense to try the next.
async fn fetch(client: &reqwest::Client, url: &Url) -> Result<Result<Text, String>, String> {
    let answer = client.get(url.clone()).header(ACCEPT, "application/json, application/jwk-set+json");
    let mut answer = answer.send().await.map_err(|error| chain(&error.without_url()))?;
    let status = answer.status();
    if status.is_redirection() {
        let where_to = "to another server, from https to http, or in circles";
        return Ok(Err(format!("it redirects {where_to} ({status})")));
    } else if status != StatusCode::OK {
        return Ok(Err(format!("it answers {status}")));
    }

    let fresh_for = fresh_for(answer.headers());
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| chain(&error.without_url()))? {
        bytes.extend_from_slice(&chunk);
        if let Err(problem) = short_enough(&bytes) {
            return Ok(Err(problem));
        }
    }
    Ok(Ok(Text { bytes, fresh_for }))
}

fn short_enough(bytes: &[u8]) -> Result<(), String> {
    if bytes.len() as u64 > LONGEST_SET { Err("it is longer than 1 MiB".into()) } else { Ok(()) }
}

/// What Cache-Control says (RFC 9111, sections 4.2.1 and 5.2.2), within bounds.
fn fresh_for(headers: &http::HeaderMap) -> Duration {
    // Names are the same in any case, which the parser does not know.
    let said = headers.get_all(CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    let said = said.map(str::to_ascii_lowercase).filter_map(|value| HeaderValue::try_from(value).ok());
    let Ok(said) = CacheControl::decode(&mut said.collect::<Vec<_>>().iter()) else { return UNSAID };
    let age = headers.get(AGE).and_then(|age| age.to_str().ok()).and_then(|age| age.trim().parse().ok());
    match said.max_age() {
        _ if said.no_store() || said.no_cache() => UNWANTED,
        Some(Duration::ZERO) => UNWANTED,
        Some(longest) => match longest.saturating_sub(Duration::from_secs(age.unwrap_or(0))) {
            // A cache on the way that does not keep to it will not have a fresher one in a second.
            Duration::ZERO => UNWANTED,
            left => left.clamp(SHORTEST, LONGEST),
        },
        None => UNSAID,
    }
}

fn client(urls: &[Url], patience: Duration) -> reqwest::Result<reqwest::Client> {
    // Keys come from where the configuration says: a redirect may change the path, or http to https.
    let redirects = Policy::custom(|attempt| {
        let moves_on = attempt.previous().last().is_some_and(|from| {
            from.host() == attempt.url().host()
                && (from.port_or_known_default() == attempt.url().port_or_known_default()
                    || from.scheme() == "http" && attempt.url().scheme() == "https")
                && (from.scheme() == attempt.url().scheme() || from.scheme() == "http")
        });
        if moves_on && attempt.previous().len() <= REDIRECTS { attempt.follow() } else { attempt.stop() }
    });

    let builder = reqwest::Client::builder()
        .timeout(patience)
        .redirect(redirects)
        // One request in minutes: a connection that was kept would be closed by then.
        .pool_max_idle_per_host(0)
        .user_agent(concat!("rowkeep/", env!("CARGO_PKG_VERSION")))
        .tls_backend_preconfigured(tls());
    // A proxy on the way out does not know this machine's own servers.
    let builder = if urls.iter().all(is_on_this_machine) { builder.no_proxy() } else { builder };
    builder.build()
}

/// Whether nobody can listen, or answer, in between.
pub(super) fn is_on_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// TLS by the public authorities and those that this machine trusts beside them: the issuers of a private network often
/// have one of their own.
fn tls() -> ClientConfig {
    let mut roots = tls::public_roots();
    let found = rustls_native_certs::load_native_certs();
    for problem in &found.errors {
        tracing::debug!(%problem, "a root certificate of this machine cannot be read");
    }
    roots.add_parsable_certificates(found.certs);
    tls::client(roots)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_is_kept_as_long_as_its_issuer_says_within_reason() {
        for (said, age, seconds) in [
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
        ] {
            let mut headers = http::HeaderMap::new();
            said.map(|said| headers.insert("cache-control", said.parse().expect("a value")));
            age.map(|age| headers.insert("age", age.parse().expect("a value")));

            assert_eq!(fresh_for(&headers), Duration::from_secs(seconds), "{said:?} {age:?}");
        }
    }
}
