//! A set of public keys that an issuer publishes. It is read at start, when it is due, and when a token has an unknown `kid`.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::{Mutex, Notify, OwnedMutexGuard};
use tokio::time::{Instant, sleep_until};

use super::claims::ClaimRules;
use super::jwk::ParsedSet;
use super::jwks_reader::{JwksLocation, JwksReader, ReadProblem};
use super::key::SetKeys;
use super::token_cache::Generation;
use crate::time_limit::within;

/// How long unknown `kid`s cause no further read, after a read that did not find the `kid`. Clients can invent a `kid`.
/// Without this limit, invented ones would flood the issuer with reads.
const COOL_DOWN: Duration = Duration::from_secs(10);

/// The pause after a failed read. It doubles with every failure, from the first value up to the second.
const RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(10));

/// A key set that is kept up to date.
pub(super) struct KeySet {
    setting: &'static str,
    /// The set's name in the log.
    source: String,
    read_timeout: Duration,
    claim_rules: Arc<ClaimRules>,
    reader: JwksReader,
    /// The keys as they were last read.
    keys: RwLock<SetKeys>,
    /// Counts the changes of the keys.
    changes: Arc<AtomicU64>,
    state: std::sync::Mutex<State>,
    schedule: Arc<Mutex<Schedule>>,
    /// Wakes `keep_fresh`: after a read the set is due at another time.
    was_read: Notify,
    made_at: Instant,
}

#[derive(Default)]
struct State {
    /// The text of the last successful read.
    text: Option<Vec<u8>>,
    /// Why the last read failed.
    problem: Option<ReadProblem>,
    /// When a read for a `kid` last failed to find it.
    missed_at: Option<Instant>,
    /// When a read last succeeded.
    read_at: Option<Instant>,
    /// How many reads have failed.
    failures: u64,
}

/// A key set at one moment.
#[derive(Clone, Debug)]
pub struct KeySetFigures {
    /// The setting that names the set.
    pub setting: &'static str,
    /// How many keys are known.
    pub keys: usize,
    /// How long ago a read last succeeded, or the server was started.
    pub age: Duration,
    /// How many reads have failed.
    pub failures: u64,
}

/// When the set is read next. The task that reads the set holds the lock.
struct Schedule {
    due: Instant,
    failures: u32,
}

impl KeySet {
    /// A set that has not been read yet.
    ///
    /// # Errors
    /// When the HTTP client cannot be built.
    pub(super) fn new(
        setting: &'static str,
        location: &JwksLocation,
        read_timeout: Duration,
        claim_rules: Arc<ClaimRules>,
    ) -> Result<Self, String> {
        Ok(Self {
            setting,
            source: format!("{setting} {}", location.places()),
            read_timeout,
            claim_rules,
            reader: JwksReader::new(location, read_timeout)?,
            keys: RwLock::default(),
            changes: Arc::default(),
            state: std::sync::Mutex::default(),
            schedule: Arc::new(Mutex::new(Schedule { due: Instant::now(), failures: 0 })),
            was_read: Notify::new(),
            made_at: Instant::now(),
        })
    }

    /// What the tokens of its keys must claim.
    pub(super) fn claim_rules(&self) -> &ClaimRules {
        &self.claim_rules
    }

    /// The keys as they were last read.
    pub(super) fn keys(&self) -> SetKeys {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The keys as they are now, for the cache of tokens.
    pub(super) fn generation(&self) -> Generation {
        Generation::of(&self.changes)
    }

    /// Whether a known key of the set has that `kid`.
    pub(super) fn has_kid(&self, kid: &str) -> bool {
        self.keys().iter().any(|key| key.kid.as_deref() == Some(kid))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The set at this moment. Reads nothing.
    pub(super) fn figures(&self) -> KeySetFigures {
        let keys = self.keys().len();
        let state = self.state();
        let age = state.read_at.unwrap_or(self.made_at).elapsed();
        KeySetFigures { setting: self.setting, keys, age, failures: state.failures }
    }

    /// The problem of the set right now, if it has one. Clients may read the text.
    pub(super) fn problem(&self) -> Option<String> {
        let why = self.unreadable()?;
        let is_empty = self.keys().is_empty();
        let keys = if is_empty { "no key of it is known" } else { "its known keys stay in use" };
        Some(format!("The key set of {} cannot be read, and {keys}: {why}.", self.setting))
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

    /// Waits for a read that is running, then reads the set. Returns after the read timeout at the latest.
    pub(super) async fn read(self: &Arc<Self>) {
        let _ = within(self.read_timeout, async {
            let schedule = self.schedule.clone().lock_owned().await;
            self.clone().read_in_task(schedule, None).await;
        })
        .await;
    }

    /// Whether a read for an unknown `kid` did not find it, less than [`COOL_DOWN`] ago.
    fn is_cooling_down(&self) -> bool {
        self.state().missed_at.is_some_and(|at| at.elapsed() < COOL_DOWN)
    }

    /// Reads the set again, unless it is cooling down or a key with this `kid` is known by now.
    ///
    /// Requests with the same unknown `kid` wait for one read. None waits longer than the read timeout.
    pub(super) async fn refresh_for_kid(self: &Arc<Self>, kid: &str) {
        if self.is_cooling_down() {
            return;
        }
        let _ = within(self.read_timeout, async {
            let schedule = self.schedule.clone().lock_owned().await;
            if !self.is_cooling_down() && !self.has_kid(kid) {
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
            let parse = |text, place| self.parse(text, place);
            let read = within(2 * self.read_timeout, self.reader.read(parse)).await;
            match read.unwrap_or(Err(ReadProblem::Silent)) {
                Ok((changed, max_age)) => {
                    schedule.failures = 0;
                    schedule.due = Instant::now() + max_age;
                    self.accept(changed);
                }
                Err(problem) => {
                    let pause = RETRY.0 * 2_u32.pow(schedule.failures.min(10));
                    schedule.due = Instant::now() + pause.min(RETRY.1);
                    schedule.failures = schedule.failures.saturating_add(1);
                    self.record_failure(problem);
                }
            }
            if wanted_kid.is_some_and(|kid| !self.has_kid(&kid)) {
                self.state().missed_at = Some(Instant::now());
            }
            drop(schedule);
            self.was_read.notify_one();
        });
        let _ = read.await;
    }

    /// What has changed; `None` if it is the text of the last successful read. `place` is where the text was found.
    ///
    /// # Errors
    /// When the text is no key set, or no key of it can be used.
    fn parse(&self, text: Vec<u8>, place: String) -> Result<Option<Changed>, ReadProblem> {
        if self.state().text.as_ref() == Some(&text) {
            return Ok(None);
        }
        let set = ParsedSet::parse(&text, &self.claim_rules).map_err(ReadProblem::NotAKeySet)?;
        match set.why_unusable() {
            // A server that lost its keys, or another server than it should be. Its users must not lose their known keys.
            Some(why) => Err(ReadProblem::NoUsableKey(why)),
            None => Ok(Some(Changed { text, place, set })),
        }
    }

    /// Replaces the keys of this set if they changed.
    fn accept(&self, changed: Option<Changed>) {
        if let Some(Changed { text, place, set }) = changed {
            let source = format!("{} {place}", self.setting);
            set.log_problems(&source);
            let old = {
                let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
                self.changes.fetch_add(1, Ordering::Release);
                std::mem::replace(&mut *keys, set.keys.clone())
            };
            log_changes(&source, &old, &set.keys);
            self.state().text = Some(text);
        }
        let had_problem = {
            let mut state = self.state();
            state.read_at = Some(Instant::now());
            state.problem.take().is_some()
        };
        if had_problem {
            tracing::info!(rowkeep.key_source = self.source, "the key set can be read again");
        }
    }

    /// Remembers why the set could not be read, and logs it once. Its known keys stay in use.
    fn record_failure(&self, problem: ReadProblem) {
        let mut state = self.state();
        state.failures += 1;
        if state.problem.as_ref() != Some(&problem) {
            tracing::warn!(
                rowkeep.key_source = self.source,
                error.message = %problem,
                rowkeep.advice = self.meaning(&problem),
                "the key set cannot be read; known keys stay in use"
            );
            state.problem = Some(problem);
        }
    }
}

/// A set that differs from the last one.
struct Changed {
    text: Vec<u8>,
    /// Where it was found, for the log.
    place: String,
    set: ParsedSet,
}

fn log_changes(source: &str, old: &SetKeys, new: &SetKeys) {
    for key in new.iter().filter(|key| !old.iter().any(|old| old.is_same_as(key))) {
        key.log_loaded(source);
    }
    for key in old.iter().filter(|key| !new.iter().any(|new| new.is_same_as(key))) {
        tracing::info!(
            rowkeep.key_id = key.logged_kid(),
            rowkeep.key_algorithm = ?key.algorithm,
            rowkeep.key_source = source,
            "key retired"
        );
    }
}
