//! A set of public keys that somebody else keeps: read at start, when it is due, and when a token names a key that is
//! not in it.

use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Mutex, Notify, OwnedMutexGuard};
use tokio::time::{Instant, sleep_until, timeout};
use url::Url;

use super::claims::Expected;
use super::jwks;
use super::place::{Place, Reader, is_on_this_machine};
use super::ring::Ring;

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

/// What was last read of a set beside its keys, and what went wrong since.
#[derive(Default)]
struct State {
    text: Option<Vec<u8>>,
    problem: Option<String>,
    /// When a key was last looked for that was not there.
    in_vain: Option<Instant>,
}

/// A set that is kept up to date.
pub(super) struct Source {
    name: &'static str,
    source: String,
    patience: Duration,
    expected: Arc<Expected>,
    reader: Reader,
    /// Where its keys are, and those of the other sets.
    ring: Arc<Ring>,
    at: usize,
    state: std::sync::Mutex<State>,
    reading: Arc<Mutex<Reading>>,
    /// That it was read, and may be due at another time than before.
    was_read: Notify,
}

/// Belongs to whoever reads the set right now.
struct Reading {
    due: Instant,
    failures: u32,
}

impl Source {
    /// A set that has not been read yet, and whose keys have the place `at` in the ring.
    ///
    /// # Errors
    /// When the system has no use for a client of HTTP.
    pub(super) fn new(
        set: &KeySet,
        expected: Arc<Expected>,
        ring: Arc<Ring>,
        at: usize,
    ) -> Result<Self, String> {
        Ok(Self {
            name: set.name,
            source: set.source(),
            patience: set.patience,
            expected,
            reader: Reader::new(&set.place, set.patience)?,
            ring,
            at,
            state: std::sync::Mutex::default(),
            reading: Arc::new(Mutex::new(Reading { due: Instant::now(), failures: 0 })),
            was_read: Notify::new(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is wrong with the set right now, in words that anybody may read.
    pub(super) fn problem(&self) -> Option<String> {
        let is_empty = self.ring.set(self.at).is_empty();
        let keys = if is_empty { "no key of it is known" } else { "the keys known of it stay in use" };
        if self.is_out_of_reach() {
            Some(format!("The key set of {} cannot be read; {keys}.", self.name))
        } else if is_empty {
            Some(format!("The key set of {} has no key that can be used.", self.name))
        } else {
            None
        }
    }

    /// Whether it could not be read the last time.
    pub(super) fn is_out_of_reach(&self) -> bool {
        let state = self.state();
        state.problem.is_some() || state.text.is_none()
    }

    /// Whether a file that should be there from the start is not, or holds something else.
    ///
    /// # Errors
    /// What to do about it.
    pub(super) fn prove_readable(&self) -> Result<(), String> {
        let state = self.state();
        match &self.reader {
            Reader::File { path, .. } if state.text.is_none() => {
                let problem = state.problem.as_deref().unwrap_or("it cannot be read in time");
                Err(format!("{}: {}: {problem}", self.name, path.display()))
            }
            _ => Ok(()),
        }
    }

    /// Says in the log what is allowed here and should not be, outside a network of one's own.
    pub(super) fn warn(&self) {
        let source = &self.source;
        let is_open = |url: &Url| url.scheme() == "http" && !is_on_this_machine(url);
        if let Reader::Urls { urls, .. } = &self.reader
            && urls.iter().any(is_open)
        {
            tracing::warn!(source, "keys are read without TLS: whoever is in between can put in their own");
        }
        if self.expected.issuers.is_empty() && self.expected.audiences.is_empty() {
            let problem = "everything that these keys sign is believed, also what is meant for others: \
                           set JWT_ISSUER and JWT_AUDIENCE";
            tracing::warn!(source, problem, "tokens of any issuer and audience");
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

    /// Whether a key was looked for here just now that was not there.
    pub(super) fn was_in_vain(&self) -> bool {
        self.state().in_vain.is_some_and(|at| at.elapsed() < COOL_DOWN)
    }

    /// Another set had the key: looking for it here was no sign of a name that is made up.
    pub(super) fn forgive(&self) {
        self.state().in_vain = None;
    }

    /// Sees to it that a key is known if its issuer has published it: reads the set again, unless that was in vain just
    /// now or the key is known by then. Whoever asks while it is being read waits for that; nobody waits for longer than
    /// a request may.
    pub(super) async fn look_for(self: &Arc<Self>, kid: &str) {
        let _ = timeout(self.patience, async {
            let reading = self.reading.clone().lock_owned().await;
            if !self.was_in_vain() && !self.ring.has(kid) {
                self.clone().read_in_task(reading, Some(kid.to_owned())).await;
            }
        })
        .await;
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

    /// In a task of its own: a request that goes away must not break off what others wait for.
    async fn read_in_task(self: Arc<Self>, mut reading: OwnedMutexGuard<Reading>, wanted: Option<String>) {
        // Should reading it end in a panic, the next does not follow at once.
        reading.due = Instant::now() + RETRY.1;
        let read = tokio::spawn(async move {
            // The client's own limit is for one URL, and a file can hang.
            let is_set = |text: &[u8]| jwks::entries(text).map(drop);
            let text = match timeout(2 * self.patience, self.reader.read(is_set)).await {
                Ok(read) => read,
                Err(_) => Err("it does not answer".into()),
            };
            match text {
                Ok(text) => {
                    reading.failures = 0;
                    reading.due = Instant::now() + text.fresh_for;
                    self.believe(text.bytes);
                }
                Err(problem) => {
                    let pause = RETRY.0 * 2_u32.pow(reading.failures.min(10));
                    reading.due = Instant::now() + pause.min(RETRY.1);
                    reading.failures = reading.failures.saturating_add(1);
                    self.note(problem);
                }
            }
            if wanted.is_some_and(|kid| !self.ring.has(&kid)) {
                self.state().in_vain = Some(Instant::now());
            }
            drop(reading);
            self.was_read.notify_one();
        });
        let _ = read.await;
    }

    /// Takes the keys of a text that is a key set for those of the issuer.
    fn believe(&self, text: Vec<u8>) {
        if self.state().text.as_ref() != Some(&text) {
            let old = self.ring.set(self.at);
            let new = jwks::keys(&text, &self.expected, &self.source);
            self.ring.replace(self.at, new.clone());
            jwks::say_what_changed(&old, &new, &self.source);
        }
        let mut state = self.state();
        state.text = Some(text);
        if state.problem.take().is_some() {
            tracing::info!(source = self.source, "the key set can be read again");
        }
    }

    /// Remembers why the set could not be read. What is known stays known.
    fn note(&self, problem: String) {
        let mut state = self.state();
        if state.problem.as_ref() != Some(&problem) {
            tracing::warn!(
                source = self.source,
                problem,
                "the key set cannot be read; known keys stay in use"
            );
            state.problem = Some(problem);
        }
    }
}
