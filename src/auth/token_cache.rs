//! Remembers accepted tokens, so that the next request with the same token needs no signature check.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::digest::{SHA256, digest};
use quick_cache::sync::Cache;
use serde_json::{Map, Value};

use super::{LEEWAY, UserId};

/// How many tokens are remembered: about 2 MB, or 12 MB if every user id has the longest size. Only accepted tokens are
/// inserted, so invented tokens cannot push others out.
const CAPACITY: usize = 10_000;

/// The users of accepted tokens, by the SHA-256 of the whole token. A token that differs in one character, even of the
/// signature, is another token.
pub(super) struct TokenCache(Cache<[u8; 32], Entry>);

#[derive(Clone)]
struct Entry {
    user: UserId,
    /// The keys that verified the token. When they have changed, the entry does not count.
    keys: Generation,
    /// Seconds since 1970, leeway included.
    expires: f64,
}

/// The keys of one source at one moment.
#[derive(Clone, Default)]
pub(super) struct Generation {
    /// Counts the changes of the keys of the source. It stays 0 for keys that never change.
    changes: Arc<AtomicU64>,
    number: u64,
}

impl Generation {
    /// The keys of the source whose changes are counted there, as they are now.
    pub(super) fn of(changes: &Arc<AtomicU64>) -> Self {
        Self { changes: changes.clone(), number: changes.load(Ordering::Acquire) }
    }

    fn is_current(&self) -> bool {
        self.number == self.changes.load(Ordering::Acquire)
    }
}

impl TokenCache {
    pub(super) fn new() -> Self {
        Self(Cache::new(CAPACITY))
    }

    /// The user of a token that keys of today verified and that has not expired.
    pub(super) fn get(&self, token: &str, now: i64) -> Option<UserId> {
        let entry = self.0.get(&sha256(token)?)?;
        (entry.keys.is_current() && now as f64 <= entry.expires).then_some(entry.user)
    }

    /// Remembers a token that these keys verified.
    pub(super) fn insert(&self, token: &str, keys: Generation, claims: &Map<String, Value>, user: &UserId) {
        let expiry = claims.get("exp").and_then(Value::as_f64);
        if let (Some(key), Some(expiry)) = (sha256(token), expiry) {
            let entry = Entry { user: user.clone(), keys, expires: expiry + LEEWAY as f64 };
            self.0.insert(key, entry);
        }
    }
}

fn sha256(token: &str) -> Option<[u8; 32]> {
    digest(&SHA256, token.as_bytes()).as_ref().try_into().ok()
}
