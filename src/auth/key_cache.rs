//! A key with the rules for its tokens, and the cache with the public keys of all key sets.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use jsonwebtoken::DecodingKeyKind::{RsaModulusExponent, SecretOrDer};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};

use super::LEEWAY;
use super::claims::ClaimRules;

/// A key that verifies the tokens of one algorithm.
pub(super) struct Key {
    /// Its name in the key set. A secret has none, and a public key may have none.
    pub(super) kid: Option<String>,
    /// The only algorithm that it verifies. It comes from the key, never from a token.
    pub(super) algorithm: Algorithm,
    pub(super) decoding_key: DecodingKey,
    /// The library's rules for its tokens.
    pub(super) validation: Validation,
    /// Our own rules for its tokens.
    pub(super) claim_rules: Arc<ClaimRules>,
}

impl Key {
    pub(super) fn from_secret(secret: &str, rules: &Arc<ClaimRules>) -> Self {
        Self::new(None, Algorithm::HS256, DecodingKey::from_secret(secret.as_bytes()), rules)
    }

    pub(super) fn new(
        kid: Option<String>,
        algorithm: Algorithm,
        decoding_key: DecodingKey,
        rules: &Arc<ClaimRules>,
    ) -> Self {
        let mut validation = Validation::new(algorithm);
        validation.leeway = LEEWAY;
        // `ClaimRules` checks `nbf` just as strictly, and its text says more. If both checked it, the token could become
        // valid between the two checks, and there would be no text.
        validation.validate_nbf = false;
        let mut required = vec!["exp"];
        if !rules.issuers.is_empty() {
            validation.set_issuer(&rules.issuers);
            required.push("iss");
        }
        if rules.audiences.is_empty() {
            // Better Auth always sets an audience. The library refuses one that it was not told to expect.
            validation.validate_aud = false;
        } else {
            validation.set_audience(&rules.audiences);
            required.push("aud");
        }
        validation.set_required_spec_claims(&required);

        Self { kid, algorithm, decoding_key, validation, claim_rules: rules.clone() }
    }

    /// Whether both are the same key with the same `kid`. They may come from different sets.
    pub(super) fn is_same_as(&self, other: &Self) -> bool {
        let same_material = match (self.decoding_key.kind(), other.decoding_key.kind()) {
            (SecretOrDer(one), SecretOrDer(two)) => one == two,
            (RsaModulusExponent { n: n1, e: e1 }, RsaModulusExponent { n: n2, e: e2 }) => {
                n1 == n2 && e1 == e2
            }
            _ => false,
        };
        same_material && self.algorithm == other.algorithm && self.kid == other.kid
    }

    /// Its `kid` for the log; empty if it has none.
    pub(super) fn logged_kid(&self) -> &str {
        self.kid.as_deref().unwrap_or_default()
    }

    /// Logs that tokens are verified with this key from now on.
    pub(super) fn log_loaded(&self, source: &str) {
        tracing::info!(kid = self.logged_kid(), algorithm = ?self.algorithm, source, "key loaded");
    }
}

/// The keys of one set.
pub(super) type SetKeys = Arc<[Arc<Key>]>;

/// The public keys of all sets, as they were last read.
pub(super) struct KeyCache {
    sets: RwLock<Vec<SetKeys>>,
    generation: AtomicU64,
}

/// How many keys match.
pub(super) enum Found {
    None,
    One(Arc<Key>),
    Several(Vec<Arc<Key>>),
}

impl KeyCache {
    /// A cache for this many sets, all of them empty.
    pub(super) fn new(sets: usize) -> Self {
        Self { sets: RwLock::new(vec![SetKeys::default(); sets]), generation: AtomicU64::new(0) }
    }

    pub(super) fn keys_of_set(&self, index: usize) -> SetKeys {
        self.read().get(index).cloned().unwrap_or_default()
    }

    pub(super) fn replace_set(&self, index: usize, keys: SetKeys) {
        let mut sets = self.sets.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(set) = sets.get_mut(index) {
            *set = keys;
        }
        self.generation.fetch_add(1, Ordering::Release);
    }

    /// A number that changes whenever a set is replaced.
    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.read().iter().all(|set| set.is_empty())
    }

    pub(super) fn has_kid(&self, kid: &str) -> bool {
        self.read().iter().flat_map(|set| set.iter()).any(|key| key.kid.as_deref() == Some(kid))
    }

    /// The keys of that algorithm with that `kid`; without a `kid`, all keys of that algorithm.
    pub(super) fn find(&self, algorithm: Algorithm, kid: Option<&str>) -> Found {
        self.find_keys(|key| key.algorithm == algorithm && (kid.is_none() || key.kid.as_deref() == kid))
    }

    /// The keys of that algorithm that have no `kid`.
    pub(super) fn find_without_kid(&self, algorithm: Algorithm) -> Found {
        self.find_keys(|key| key.algorithm == algorithm && key.kid.is_none())
    }

    /// A key that several sets hold counts once, with the claim rules of the first of these sets.
    fn find_keys(&self, matches: impl Fn(&Key) -> bool) -> Found {
        let sets = self.read();
        let mut found: Vec<Arc<Key>> = Vec::new();
        for key in sets.iter().flat_map(|set| set.iter()).filter(|key| matches(key)) {
            if !found.iter().any(|known| known.is_same_as(key)) {
                found.push(key.clone());
            }
        }
        match &*found {
            [] => Found::None,
            [only] => Found::One(only.clone()),
            _ => Found::Several(found),
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, Vec<SetKeys>> {
        self.sets.read().unwrap_or_else(PoisonError::into_inner)
    }
}
