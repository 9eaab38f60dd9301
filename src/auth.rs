//! Turns an `Authorization` header into a [`UserId`]. There is no other way to get one.
//!
//! These modules check a token in this order. The first failure refuses it:
//!
//! 1. `jwt`: its length, its three parts and its header;
//! 2. `keys`: the source that judges it, by its issuer, and the key of that source. If no known key of a key set has the
//!    token's `kid`, that set is read again (`key_set`);
//! 3. its signature, with that key and that key's own algorithm;
//! 4. `claims`: the claims, first by the library's rules and then by stricter ones. `other_purposes` knows signed texts that are
//!    no API tokens.
//!
//! None of this needs a database. `token_cache` remembers an accepted token until it expires or the keys change.

mod claims;
#[cfg(any(test, fuzzing))]
#[allow(clippy::panic, reason = "a target fails by a panic")]
pub(crate) mod fuzz;
mod issuer;
mod jwk;
mod jwks_reader;
mod jwt;
mod key;
mod key_set;
mod keys;
mod other_purposes;
mod source;
mod token_cache;

use std::sync::Arc;

use http::header::{AUTHORIZATION, HeaderMap};
use jsonwebtoken::Algorithm;
use jsonwebtoken::errors::ErrorKind;

use crate::refusal::{Refusal, TokenProblem};
use claims::ClaimRules;
pub use issuer::{BETTER_AUTH_PATH, canonical_issuer};
pub use jwks_reader::JwksLocation;
use jwt::{Jwt, UniqueObject};
pub use key_set::KeySetFigures;
use keys::{KeyStore, Source};
pub use source::{SourceKeys, TokenRules, TokenSource};
use token_cache::TokenCache;

/// The id of a user whose token was verified. Only a [`Verifier`] makes one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct UserId(Arc<str>);

impl UserId {
    /// The id, exactly as the token has it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Only tests and the fuzzer make a user without a token.
#[cfg(any(test, fuzzing))]
impl From<&str> for UserId {
    fn from(id: &str) -> Self {
        Self(id.into())
    }
}

/// How far the clocks of issuer and server may differ, in seconds.
pub const LEEWAY: u64 = 30;

/// The longest user id, in characters. The database column has the same limit.
const MAX_USER_ID_CHARS: usize = 255;

/// Verifies tokens.
pub struct Verifier {
    keys: KeyStore,
    accepted: TokenCache,
}

impl Verifier {
    /// A verifier that has not read any key set yet.
    ///
    /// # Errors
    /// When the HTTP client for the key sets cannot be built.
    pub fn new(rules: &TokenRules) -> Result<Self, String> {
        Ok(Self { keys: KeyStore::new(rules)?, accepted: TokenCache::new() })
    }

    /// Reads every key set once, and starts tasks that keep them up to date.
    ///
    /// An issuer that does not answer delays this no longer than it may delay a request. The tasks keep trying.
    ///
    /// # Errors
    /// When a key set file is missing or holds no key set: that is a mistake in the configuration.
    pub async fn read_key_sets(&self) -> Result<(), String> {
        self.keys.read_sets().await
    }

    /// Whether there is any key to verify a token with.
    pub fn has_key(&self) -> bool {
        self.keys.has_key()
    }

    /// One sentence for each key set that has a problem right now. Clients may read the texts.
    pub fn problems(&self) -> Vec<String> {
        self.keys.problems()
    }

    /// Each key set at this moment. Reads none.
    pub fn key_sets(&self) -> Vec<KeySetFigures> {
        self.keys.figures()
    }

    /// The user whose token is in `Authorization: Bearer <token>` (RFC 6750, section 2.1).
    ///
    /// Checks at most one signature, or one MAC for each secret. A token with an unknown `kid` can cause the key set of its
    /// issuer to be read again; the read timeout of the set limits that wait.
    ///
    /// # Errors
    /// [`Refusal::NoToken`] without a bearer token, [`Refusal::InvalidToken`] when the token is not accepted.
    pub async fn user(&self, headers: &HeaderMap) -> Result<UserId, Refusal> {
        let text = bearer_token(headers)?;
        if let Some(user) = self.accepted.get(text, now()) {
            return Ok(user);
        }
        let jwt = Jwt::parse(text)?;
        let source = self.keys.source_of(&jwt)?;
        let result = self.verify(&jwt, source);
        if result.is_ok() {
            return result;
        }
        let Some((set, kid)) = source.unknown_kid(&jwt) else { return result };

        set.refresh_for_kid(kid).await;
        if set.has_kid(kid) {
            self.verify(&jwt, source)
        } else {
            // Still unknown: the refusal is about the `kid`, or, if a key without a `kid` was tried, that key's refusal.
            source.keys_for(&jwt).and(result)
        }
    }

    /// The user of this token, by the keys that are known right now. Reads no key set.
    ///
    /// # Errors
    /// [`Refusal::InvalidToken`] when the token is not accepted.
    pub fn user_of_token(&self, token: &str) -> Result<UserId, Refusal> {
        let jwt = Jwt::parse(token)?;
        self.verify(&jwt, self.keys.source_of(&jwt)?)
    }

    fn verify(&self, jwt: &Jwt<'_>, source: Source<'_>) -> Result<UserId, Refusal> {
        // Read before the keys: if they change meanwhile, the token is not remembered for the new ones.
        let generation = source.generation();
        let mut refusal =
            Refusal::invalid_token(TokenProblem::NoKey, "this server has no key to verify the token with");
        for key in source.keys_for(jwt)? {
            match jsonwebtoken::decode::<UniqueObject>(jwt.text, &key.decoding_key, &key.validation) {
                Ok(verified) => {
                    let claims = verified.claims.0;
                    let user = key.claim_rules.check(&claims, now())?;
                    self.accepted.insert(jwt.text, generation, &claims, &user);
                    return Ok(user);
                }
                // The token may be signed with the previous secret.
                Err(error) if *error.kind() == ErrorKind::InvalidSignature => {
                    let text = match jwt.algorithm {
                        Algorithm::HS256 => {
                            "the signature of the token does not match: it is signed with another secret than this \
                             server's, or the token was changed; compare BETTER_AUTH_SECRET on both sides"
                        }
                        _ => {
                            "the signature of the token does not match the key that it names (kid): the token was \
                             changed or forged, get a new one"
                        }
                    };
                    refusal = Refusal::invalid_token(TokenProblem::Signature, text);
                }
                Err(error) => return Err(library_refusal(error.kind(), jwt, &key.claim_rules)),
            }
        }
        Err(refusal)
    }
}

/// The refusal for an error of the library. It checks the signature before the claims.
fn library_refusal(kind: &ErrorKind, jwt: &Jwt<'_>, rules: &ClaimRules) -> Refusal {
    let is_about_claims = matches!(
        kind,
        ErrorKind::ExpiredSignature
            | ErrorKind::InvalidIssuer
            | ErrorKind::InvalidAudience
            | ErrorKind::MissingRequiredClaim(_)
            | ErrorKind::InvalidClaimFormat(_)
    );
    // Our own rules find the same mistake, and their text says more.
    if is_about_claims
        && let Ok(UniqueObject(claims)) = jsonwebtoken::dangerous::insecure_decode_claims(jwt.text)
        && let Err(refusal) = rules.check(&claims, now())
    {
        return refusal;
    }
    Refusal::invalid_token(TokenProblem::Malformed, jwt::MALFORMED)
}

/// Seconds since 1970, by the clock that the library uses.
fn now() -> i64 {
    i64::try_from(jsonwebtoken::get_current_timestamp()).unwrap_or(i64::MAX)
}

fn bearer_token(headers: &HeaderMap) -> Result<&str, Refusal> {
    const NO_TOKEN: Refusal = Refusal::NoToken("send a token: Authorization: Bearer <token>");

    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next().ok_or(NO_TOKEN)?.as_bytes();
    // Proxies and servers differ in which of two they read.
    if values.next().is_some() {
        return Err(Refusal::invalid_token(
            TokenProblem::SeveralHeaders,
            "the request has more than one Authorization header: send one",
        ));
    }
    let (scheme, token) = value.split_at(value.iter().position(|byte| *byte == b' ').unwrap_or(value.len()));
    if !scheme.eq_ignore_ascii_case(b"bearer") {
        return Err(NO_TOKEN);
    }
    match std::str::from_utf8(token) {
        Ok(token) => Ok(token.trim_start_matches(' ')),
        Err(_) => Err(Refusal::invalid_token(TokenProblem::Malformed, jwt::NOT_A_JWT)),
    }
}
