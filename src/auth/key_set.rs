//! A set of public keys that somebody else keeps: read at start, when it is due, and when a token names a key that is
//! not in it.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use tokio::sync::{Mutex, Notify, OwnedMutexGuard, watch};
use tokio::time::{Instant, sleep_until, timeout};
use url::Url;

use super::claims::Expected;
use super::key::{self, Key};
use super::place::{Place, Reader, is_on_this_machine};

/// After a token has named a key that was not in the set even after reading it again, other unknown names do not make it
/// be read for this long: names can be made up. A read that brings the key is no reason to wait.
const COOL_DOWN: Duration = Duration::from_secs(10);

/// How long after a failed read the next one begins: doubled each time, up to the second figure.
const RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(10));

/// Where keys are, and what tokens that they verify must say.
#[derive(Clone, Debug)]
pub struct KeySet {
    /// The variable that configures it.
    pub name: &'static str,
    /// Where it is.
    pub place: Place,
    /// The issuers to accept; none: any, or no issuer at all.
    pub issuers: Vec<String>,
    /// The audiences to accept; none: any, or no audience at all.
    pub audiences: Vec<String>,
    /// How long reading it may take, and how long a request waits for that.
    pub patience: Duration,
}

impl KeySet {
    /// The variable and the place, for the log; a URL without what may be secret in it.
    fn source(&self) -> String {
        match &self.place {
            Place::File(path) => format!("{} {}", self.name, path.display()),
            Place::Urls(urls) => format!("{} {}", self.name, urls.first().map(shown).unwrap_or_default()),
        }
    }
}

fn shown(url: &Url) -> String {
    format!("{}{}", url.origin().ascii_serialization(), url.path())
}

/// What is known of a set.
#[derive(Clone, Debug, Default)]
struct Known {
    keys: Arc<[Arc<Key>]>,
    text: Option<Vec<u8>>,
    problem: Option<String>,
}

/// A set that is kept up to date.
pub(super) struct Source {
    name: &'static str,
    source: String,
    patience: Duration,
    expected: Arc<Expected>,
    reader: Reader,
    known: watch::Sender<Known>,
    reading: Arc<Mutex<Reading>>,
    /// That it was read, and may be due at another time than before.
    was_read: Notify,
}

/// Belongs to whoever reads the set right now.
struct Reading {
    due: Instant,
    failures: u32,
    in_vain: Option<Instant>,
}

impl Source {
    /// A set that has not been read yet.
    ///
    /// # Errors
    /// When the system has no use for a client of HTTP.
    pub(super) fn new(set: &KeySet, expected: Arc<Expected>) -> Result<Self, String> {
        Ok(Self {
            name: set.name,
            source: set.source(),
            patience: set.patience,
            expected,
            reader: Reader::new(&set.place, set.patience)?,
            known: watch::Sender::new(Known::default()),
            reading: Arc::new(Mutex::new(Reading { due: Instant::now(), failures: 0, in_vain: None })),
            was_read: Notify::new(),
        })
    }

    /// The keys as they were last read.
    pub(super) fn keys(&self) -> Arc<[Arc<Key>]> {
        self.known.borrow().keys.clone()
    }

    /// What is wrong with the set right now, in words that anybody may read.
    pub(super) fn problem(&self) -> Option<String> {
        let known = self.known.borrow();
        let keys =
            if known.keys.is_empty() { "no key of it is known" } else { "the keys known of it stay in use" };
        match (&known.problem, &known.text) {
            (Some(_), _) | (None, None) => {
                Some(format!("The key set of {} cannot be read; {keys}.", self.name))
            }
            (None, Some(_)) if known.keys.is_empty() => {
                Some(format!("The key set of {} has no key that can be used.", self.name))
            }
            (None, Some(_)) => None,
        }
    }

    /// Whether a file that should be there from the start is not, or holds something else.
    ///
    /// # Errors
    /// What to do about it.
    pub(super) fn prove_readable(&self) -> Result<(), String> {
        match (&self.reader, &self.known.borrow().problem) {
            (Reader::File(path), Some(problem)) => {
                Err(format!("{}: {}: {problem}", self.name, path.display()))
            }
            _ => Ok(()),
        }
    }

    /// Whether somebody on the way could put keys of their own into the set.
    pub(super) fn warn_of_strangers(&self) {
        let is_open = |url: &Url| url.scheme() == "http" && !is_on_this_machine(url);
        if let Reader::Urls { urls, .. } = &self.reader
            && urls.iter().any(is_open)
        {
            tracing::warn!(
                source = self.source,
                "keys are read without TLS: use https outside a network of your own"
            );
        }
    }

    /// Reads the set, if nobody does already. Returns when it was read, or after as long as a request may wait.
    pub(super) async fn read(self: &Arc<Self>) {
        let _ = timeout(self.patience, async {
            let reading = self.reading.clone().lock_owned().await;
            self.clone().read_in_task(reading, None).await;
        })
        .await;
    }

    /// Sees to it that a key is known if its issuer has published it: reads the set again, unless that was in vain just
    /// now or the key `is_known` by then. Whoever asks while it is being read waits for that; nobody waits for longer
    /// than a request may.
    pub(super) async fn look_for(self: &Arc<Self>, kid: &str, is_known: impl Fn() -> bool) {
        let _ = timeout(self.patience, async {
            let reading = self.reading.clone().lock_owned().await;
            let in_vain = reading.in_vain.is_some_and(|at| at.elapsed() < COOL_DOWN);
            if !in_vain && !is_known() {
                self.clone().read_in_task(reading, Some(kid.to_owned())).await;
            }
        })
        .await;
    }

    /// Another set had the key: looking for it here was no sign of a name that is made up.
    pub(super) async fn forgive(&self) {
        let forgiven = async { self.reading.lock().await.in_vain = None };
        let _ = timeout(self.patience, forgiven).await;
    }

    /// Reads the set whenever it is due, for ever.
    pub(super) async fn keep_fresh(self: Arc<Self>) {
        loop {
            let reading = self.reading.clone().lock_owned().await;
            if reading.due <= Instant::now() {
                self.clone().read_in_task(reading, None).await;
                continue;
            }
            let due = reading.due;
            drop(reading);
            tokio::select! {
                () = sleep_until(due) => {}
                // By somebody else, for the sake of a key.
                () = self.was_read.notified() => {}
            }
        }
    }

    pub(super) fn has(&self, kid: &str) -> bool {
        self.known.borrow().keys.iter().any(|key| key.kid.as_deref() == Some(kid))
    }

    /// In a task of its own: a request that goes away must not break off what others wait for.
    async fn read_in_task(self: Arc<Self>, mut reading: OwnedMutexGuard<Reading>, wanted: Option<String>) {
        // Should reading it end in a panic, the next does not follow at once.
        reading.due = Instant::now() + RETRY.1;
        let read = tokio::spawn(async move {
            // The client's own limit leaves out what comes before it: such as a file on a network that hangs.
            let text = match timeout(2 * self.patience, self.reader.read()).await {
                Ok(read) => read,
                Err(_) => Err("it does not answer".into()),
            };
            let (text, fresh_for) = match text {
                Ok(text) => (Ok(text.bytes), text.fresh_for),
                Err(problem) => (Err(problem), Duration::ZERO),
            };
            if self.take(text) {
                reading.failures = 0;
                reading.due = Instant::now() + fresh_for;
            } else {
                reading.due = Instant::now() + (RETRY.0 * 2_u32.pow(reading.failures.min(10))).min(RETRY.1);
                reading.failures = reading.failures.saturating_add(1);
            }
            if wanted.is_some_and(|kid| !self.has(&kid)) {
                reading.in_vain = Some(Instant::now());
            }
            drop(reading);
            self.was_read.notify_one();
        });
        let _ = read.await;
    }

    /// Believes what was read, if it is a key set. What is known stays known if it is none.
    fn take(&self, text: Result<Vec<u8>, String>) -> bool {
        let known = self.known.borrow().clone();
        let text = match text {
            Ok(text) if known.text.as_ref() == Some(&text) => {
                if known.problem.is_some() {
                    tracing::info!(source = self.source, "the key set can be read again");
                    self.known.send_replace(Known { problem: None, ..known });
                }
                return true;
            }
            read => read,
        };

        match text.and_then(|text| Ok((self.understand(&text)?, text))) {
            Ok((keys, text)) => {
                self.say_what_changes(&known.keys, &keys);
                self.known.send_replace(Known { keys, text: Some(text), problem: None });
                true
            }
            Err(problem) => {
                if known.problem.as_ref() != Some(&problem) {
                    tracing::warn!(
                        source = self.source,
                        problem,
                        "the key set cannot be read; known keys stay in use"
                    );
                    self.known.send_replace(Known { problem: Some(problem), ..known });
                }
                false
            }
        }
    }

    /// The keys of a JWK set (RFC 7517, section 5). Those that cannot be used do not matter to the others.
    fn understand(&self, text: &[u8]) -> Result<Arc<[Arc<Key>]>, String> {
        #[derive(Deserialize)]
        struct Set {
            keys: Vec<Value>,
        }
        let set: Set = serde_json::from_slice(text)
            .map_err(|error| format!("it is no JSON object with a list of keys: {error}"))?;

        let mut all: Vec<Arc<Key>> = Vec::new();
        for entry in &set.keys {
            match key::of_jwk(entry, &self.expected) {
                Ok(keys) => {
                    // The same key twice is one.
                    let new: Vec<_> =
                        keys.into_iter().filter(|key| !all.iter().any(|old| old.is_same_as(key))).collect();
                    all.extend(new.into_iter().map(Arc::new));
                }
                Err(reason) => {
                    let kid = entry.get("kid").and_then(Value::as_str).unwrap_or_default();
                    tracing::warn!(kid, source = self.source, reason, "key skipped");
                }
            }
        }
        Ok(all.into())
    }

    fn say_what_changes(&self, old: &[Arc<Key>], new: &[Arc<Key>]) {
        for key in new.iter().filter(|key| !old.iter().any(|old| old.is_same_as(key))) {
            say_loaded(key, &self.source);
        }
        for key in old.iter().filter(|key| !new.iter().any(|new| new.is_same_as(key))) {
            let kid = key.kid.as_deref().unwrap_or_default();
            tracing::info!(kid, algorithm = ?key.algorithm, source = self.source, "key retired");
        }
        if new.is_empty() {
            tracing::warn!(source = self.source, "the key set has no key that can be used");
        }
    }
}

/// Names a key that tokens are verified with from now on.
pub(super) fn say_loaded(key: &Key, source: &str) {
    tracing::info!(kid = key.kid.as_deref().unwrap_or_default(), algorithm = ?key.algorithm, source, "key loaded");
}
