//! Tokens that were verified a moment ago, so that the next request of the same page costs no signature.

use aws_lc_rs::digest::{SHA256, digest};
use quick_cache::sync::Cache;
use serde_json::{Map, Value};

use super::{LEEWAY, UserId};

/// How many tokens are remembered: 2 MB, or 12 if every user's id is as long as can be. Only what was verified gets in,
/// so that nobody can push others out with tokens of their own making.
const CAPACITY: usize = 10_000;

/// Remembers who was named by tokens that were verified, each by the SHA-256 of its whole text: what differs in a single
/// character, the signature's included, is another token.
pub(super) struct Memory(Cache<[u8; 32], Known>);

#[derive(Clone)]
struct Known {
    user: UserId,
    /// Of the keys by which it was verified. With other keys it is not known any more.
    generation: u64,
    /// When it is of no use any more, in seconds since 1970.
    end: f64,
}

impl Memory {
    /// Nothing yet.
    pub(super) fn new() -> Self {
        Self(Cache::new(CAPACITY))
    }

    /// The user of a token that was verified with this generation of keys and has not expired since.
    pub(super) fn recall(&self, token: &str, generation: u64, now: i64) -> Option<UserId> {
        let known = self.0.get(&name(token)?)?;
        (known.generation == generation && now as f64 <= known.end).then_some(known.user)
    }

    /// Remembers a token with these claims, which was verified with keys of this generation.
    pub(super) fn keep(&self, token: &str, generation: u64, claims: &Map<String, Value>, user: &UserId) {
        let expiry = claims.get("exp").and_then(Value::as_f64);
        if let (Some(name), Some(expiry)) = (name(token), expiry) {
            let known = Known { user: user.clone(), generation, end: expiry + LEEWAY as f64 };
            self.0.insert(name, known);
        }
    }
}

fn name(token: &str) -> Option<[u8; 32]> {
    digest(&SHA256, token.as_bytes()).as_ref().try_into().ok()
}
