//! A set of public keys that an issuer publishes. It is read at start, when it is due, and when a token has an unknown `kid`.

use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Mutex, Notify, OwnedMutexGuard};
use tokio::time::{Instant, sleep_until};
use url::Url;

use super::claims::ClaimRules;
use super::jwk;
use super::jwks_reader::{JwksLocation, JwksReader, ReadProblem, is_loopback};
use super::key_cache::{KeyCache, SetKeys};
use crate::time_limit::within;

/// How long unknown `kid`s cause no further read, after a read that did not find the `kid`. Clients can invent a `kid`.
/// Without this limit, invented ones would flood the issuer with reads.
const COOL_DOWN: Duration = Duration::from_secs(10);

/// The pause after a failed read. It doubles with every failure, from the first value up to the second.
const RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(10));

/// The configuration of a key set.
#[derive(Clone, Debug)]
pub struct KeySetConfig {
    /// The setting that names the key set.
    pub setting: &'static str,
    /// Where the key set is.
    pub location: JwksLocation,
    /// The issuers to accept in tokens of these keys. Empty: any issuer, or none.
    pub issuers: Vec<String>,
    /// The audiences to accept in tokens of these keys. Empty: any audience, or none.
    pub audiences: Vec<String>,
    /// How long one read may take, and how long a request waits for it.
    pub read_timeout: Duration,
}

impl KeySetConfig {
    /// The setting and the location for the log, without the query of a URL, which can hold a password.
    fn source(&self) -> String {
        let without_query = |url: &Url| format!("{}{}", url.origin().ascii_serialization(), url.path());
        match &self.location {
            JwksLocation::File(path) => format!("{} {}", self.setting, path.display()),
            JwksLocation::Urls(urls) => {
                format!("{} {}", self.setting, urls.first().map(without_query).unwrap_or_default())
            }
        }
    }
}

/// A key set that is kept up to date.
pub(super) struct KeySet {
    setting: &'static str,
    /// The set's name in the log.
    source: String,
    read_timeout: Duration,
    claim_rules: Arc<ClaimRules>,
    reader: JwksReader,
    /// The keys of this set and of all others.
    keys: Arc<KeyCache>,
    /// The index of this set in `keys`.
    index: usize,
    state: std::sync::Mutex<State>,
    schedule: Arc<Mutex<Schedule>>,
    /// Wakes `keep_fresh`: after a read the set is due at another time.
    was_read: Notify,
}

#[derive(Default)]
struct State {
    /// The text of the last successful read.
    text: Option<Vec<u8>>,
    /// Why the last read failed.
    problem: Option<ReadProblem>,
    /// When a read for a `kid` last failed to find it.
    missed_at: Option<Instant>,
}

/// When the set is read next. The task that reads the set holds the lock.
struct Schedule {
    due: Instant,
    failures: u32,
}

impl KeySet {
    /// A set that has not been read yet, and whose keys have this index in the cache.
    ///
    /// # Errors
    /// When the HTTP client cannot be built.
    pub(super) fn new(
        config: &KeySetConfig,
        claim_rules: Arc<ClaimRules>,
        keys: Arc<KeyCache>,
        index: usize,
    ) -> Result<Self, String> {
        Ok(Self {
            setting: config.setting,
            source: config.source(),
            read_timeout: config.read_timeout,
            claim_rules,
            reader: JwksReader::new(&config.location, config.read_timeout)?,
            keys,
            index,
            state: std::sync::Mutex::default(),
            schedule: Arc::new(Mutex::new(Schedule { due: Instant::now(), failures: 0 })),
            was_read: Notify::new(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The problem of the set right now, if it has one. Clients may read the text.
    pub(super) fn problem(&self) -> Option<String> {
        let setting = self.setting;
        let is_empty = self.keys.keys_of_set(self.index).is_empty();
        match self.unreadable() {
            Some(why) => {
                let keys = if is_empty { "no key of it is known" } else { "its known keys stay in use" };
                Some(format!("The key set of {setting} cannot be read, and {keys}: {why}."))
            }
            None if is_empty => Some(format!("The key set of {setting} has no key that can be used.")),
            None => None,
        }
    }

    /// Why the set cannot be read right now, and what that usually means. Clients may read the text.
    pub(super) fn unreadable(&self) -> Option<String> {
        let state = self.state();
        match &state.problem {
            Some(problem) => {
                let meaning = self.meaning(problem).map(|text| format!(" ({text})")).unwrap_or_default();
                Some(problem.for_clients() + &meaning)
            }
            None if state.text.is_none() => Some("it was not read yet".into()),
            None => None,
        }
    }

    fn meaning(&self, problem: &ReadProblem) -> Option<&'static str> {
        problem.of_better_auth().filter(|_| self.setting == "BETTER_AUTH_URL")
    }

    /// Checks that the set has been read if it is a file.
    ///
    /// # Errors
    /// When the set is a file and no read of it has succeeded.
    pub(super) fn require_file(&self) -> Result<(), String> {
        let state = self.state();
        match &self.reader {
            JwksReader::File { path, .. } if state.text.is_none() => {
                let problem = state.problem.as_ref().unwrap_or(&ReadProblem::Silent);
                Err(format!("{}: {}: {problem}", self.setting, path.display()))
            }
            _ => Ok(()),
        }
    }

    /// Logs a warning about each setting that is safe only in a private network.
    pub(super) fn warn_if_unsafe(&self) {
        let source = &self.source;
        let is_exposed = |url: &Url| url.scheme() == "http" && !is_loopback(url);
        if let JwksReader::Urls { urls, .. } = &self.reader
            && urls.iter().any(is_exposed)
        {
            tracing::warn!(
                source,
                "keys are read without TLS, so an attacker on the network can replace them: use an https URL"
            );
        }
        if self.claim_rules.issuers.is_empty() && self.claim_rules.audiences.is_empty() {
            let problem = "every token of these keys is accepted, even one for another API: set JWT_ISSUER and \
                           JWT_AUDIENCE";
            tracing::warn!(source, problem, "tokens of any issuer and audience");
        }
    }

    /// Waits for a read that is running, then reads the set. Returns after the read timeout at the latest.
    pub(super) async fn read(self: &Arc<Self>) {
        let _ = within(self.read_timeout, async {
            let schedule = self.schedule.clone().lock_owned().await;
            self.clone().read_in_task(schedule, None).await;
        })
        .await;
    }

    /// Whether a read for an unknown `kid` did not find it, less than [`COOL_DOWN`] ago.
    pub(super) fn is_cooling_down(&self) -> bool {
        self.state().missed_at.is_some_and(|at| at.elapsed() < COOL_DOWN)
    }

    /// Ends the cool-down: another set had the key, so the `kid` was not invented.
    pub(super) fn end_cool_down(&self) {
        self.state().missed_at = None;
    }

    /// Reads the set again, unless it is cooling down or a key with this `kid` is known by now.
    ///
    /// Requests with the same unknown `kid` wait for one read. None waits longer than the read timeout.
    pub(super) async fn refresh_for_kid(self: &Arc<Self>, kid: &str) {
        let _ = within(self.read_timeout, async {
            let schedule = self.schedule.clone().lock_owned().await;
            if !self.is_cooling_down() && !self.keys.has_kid(kid) {
                self.clone().read_in_task(schedule, Some(kid.to_owned())).await;
            }
        })
        .await;
    }

    /// Reads the set whenever it is due. Never returns.
    pub(super) async fn keep_fresh(self: Arc<Self>) {
        loop {
            let schedule = self.schedule.clone().lock_owned().await;
            if schedule.due <= Instant::now() {
                self.clone().read_in_task(schedule, None).await;
                continue;
            }
            let due = schedule.due;
            drop(schedule);
            tokio::select! {
                () = sleep_until(due) => {}
                () = self.was_read.notified() => {}
            }
        }
    }

    /// Reads the set in a task of its own. A request that is dropped must not end the read that others wait for.
    async fn read_in_task(
        self: Arc<Self>,
        mut schedule: OwnedMutexGuard<Schedule>,
        wanted_kid: Option<String>,
    ) {
        // If the read panics, the next one must not follow at once.
        schedule.due = Instant::now() + RETRY.1;
        let read = tokio::spawn(async move {
            let check = |text: &[u8]| jwk::entries(text).map(drop);
            let read = within(2 * self.read_timeout, self.reader.read(check)).await;
            let text = read.unwrap_or(Err(ReadProblem::Silent));
            match text {
                Ok(text) => {
                    schedule.failures = 0;
                    schedule.due = Instant::now() + text.max_age;
                    self.accept(text.bytes);
                }
                Err(problem) => {
                    let pause = RETRY.0 * 2_u32.pow(schedule.failures.min(10));
                    schedule.due = Instant::now() + pause.min(RETRY.1);
                    schedule.failures = schedule.failures.saturating_add(1);
                    self.record_failure(problem);
                }
            }
            if wanted_kid.is_some_and(|kid| !self.keys.has_kid(&kid)) {
                self.state().missed_at = Some(Instant::now());
            }
            drop(schedule);
            self.was_read.notify_one();
        });
        let _ = read.await;
    }

    /// Replaces the keys of this set by those of the text.
    fn accept(&self, text: Vec<u8>) {
        if self.state().text.as_ref() != Some(&text) {
            let old = self.keys.keys_of_set(self.index);
            let new = jwk::keys(&text, &self.claim_rules, &self.source);
            self.keys.replace_set(self.index, new.clone());
            self.log_changes(&old, &new);
        }
        let mut state = self.state();
        state.text = Some(text);
        if state.problem.take().is_some() {
            tracing::info!(source = self.source, "the key set can be read again");
        }
    }

    /// Remembers why the set could not be read, and logs it once. Its known keys stay in use.
    fn record_failure(&self, problem: ReadProblem) {
        let mut state = self.state();
        if state.problem.as_ref() != Some(&problem) {
            tracing::warn!(
                source = self.source,
                %problem,
                meaning = self.meaning(&problem),
                "the key set cannot be read; known keys stay in use"
            );
            state.problem = Some(problem);
        }
    }

    fn log_changes(&self, old: &SetKeys, new: &SetKeys) {
        let source = &self.source;
        for key in new.iter().filter(|key| !old.iter().any(|old| old.is_same_as(key))) {
            key.log_loaded(source);
        }
        for key in old.iter().filter(|key| !new.iter().any(|new| new.is_same_as(key))) {
            tracing::info!(kid = key.logged_kid(), algorithm = ?key.algorithm, source, "key retired");
        }
        if new.is_empty() {
            tracing::warn!(source, "the key set has no key that can be used");
        }
    }
}
