//! A key with the rules for its tokens.

use std::sync::Arc;

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

/// The keys of one set.
pub(super) type SetKeys = Arc<[Arc<Key>]>;

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

    /// Whether both are the same key with the same `kid`.
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
        tracing::info!(
            rowkeep.key_id = self.logged_kid(),
            rowkeep.key_algorithm = ?self.algorithm,
            rowkeep.key_source = source,
            "key loaded"
        );
    }
}
