//! An `Authorization` header to a [`UserId`]: the only way in.
//!
//! A token is looked at in this order, and the first offence ends it: its length, its shape and its header (`token`);
//! which key it names (`keys`, `ring`; an unknown name makes key sets be read again, `key_set`); its signature, checked
//! once with that key and the key's own algorithm; then what it claims, by the library and by rules that are stricter
//! than the library's (`claims`). None of that needs a database. A token that was believed is remembered (`memory`) until it
//! expires or the keys change.

mod claims;
mod jwks;
mod key;
mod key_set;
mod keys;
mod memory;
mod object;
mod place;
mod ring;
mod token;

use std::sync::Arc;

use http::header::{AUTHORIZATION, HeaderMap};
use jsonwebtoken::errors::ErrorKind;

use crate::refusal::Refusal;
use claims::Expected;
pub use key_set::KeySet;
use keys::Keys;
use memory::Memory;
use object::Object;
pub use place::Place;
use token::Token;

/// The id of a user whose token was verified. There is no other way to come by one than a [`Verifier`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct UserId(Arc<str>);

impl UserId {
    /// The id, as the token has it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// How far the clocks of issuer and server may differ, in seconds.
pub const LEEWAY: u64 = 30;

/// No user id is longer, in characters; the column has the same limit.
const LONGEST_USER_ID: usize = 255;

/// What a token must say to be believed, and be signed with.
#[derive(Clone, Debug)]
pub struct Demands {
    /// The secrets a token may be signed with (HS256, their UTF-8 bytes), the current one first.
    pub secrets: Vec<String>,
    /// The sets of public keys that a token may be signed with one of.
    pub key_sets: Vec<KeySet>,
    /// The issuers to accept from tokens that are signed with a secret; none: any, or no issuer at all.
    pub issuers: Vec<String>,
    /// The audiences to accept from tokens that are signed with a secret; none: any, or no audience at all.
    pub audiences: Vec<String>,
    /// The claim that names the user.
    pub user_claim: String,
    /// How far away a token's expiry may be, in seconds.
    pub max_lifetime: u64,
}

/// Tells tokens to believe from all others.
pub struct Verifier {
    keys: Keys,
    memory: Memory,
}

impl Verifier {
    /// A verifier that accepts what meets `demands`, and has not read any key set yet.
    ///
    /// # Errors
    /// When the system has no use for a client of HTTP.
    pub fn new(demands: &Demands) -> Result<Self, String> {
        Ok(Self { keys: Keys::new(demands)?, memory: Memory::new() })
    }

    /// Reads every key set once and keeps them up to date from then on, in tasks of the runtime. An issuer that is out
    /// of reach is waited for, no longer than a request would wait, and then tried again and again.
    ///
    /// # Errors
    /// When a file is not there or holds no key set: that is a mistake in the configuration.
    pub async fn read_key_sets(&self) -> Result<(), String> {
        self.keys.read_sets().await
    }

    /// Whether there is a key to verify any token with.
    pub fn has_key(&self) -> bool {
        self.keys.any()
    }

    /// What is wrong with key sets right now, a sentence each, in words that anybody may read.
    pub fn problems(&self) -> Vec<String> {
        self.keys.problems()
    }

    /// The user whose token stands in `Authorization: Bearer <token>` (RFC 6750, section 2.1).
    ///
    /// Needs no database. Checks at most one signature of a token that is not believed, or one MAC for each secret. A
    /// token that names an unknown key can make key sets be read again; the wait for that is bounded by their patience.
    ///
    /// # Errors
    /// [`Refusal::NoToken`] without a bearer token, [`Refusal::InvalidToken`] with one that is not believed.
    pub async fn user(&self, headers: &HeaderMap) -> Result<UserId, Refusal> {
        let text = bearer_token(headers)?;
        if let Some(user) = self.memory.recall(text, self.keys.generation(), now()) {
            return Ok(user);
        }
        let token = Token::look_at(text)?;
        let at_first = self.verify(&token);
        if at_first.is_ok() {
            return at_first;
        }
        let Some(kid) = self.keys.unknown(&token) else { return at_first };

        self.keys.look_for(kid).await;
        if self.keys.knows(kid) {
            self.verify(&token)
        } else {
            // The words for an unknown key, or what a key without a name has said of the token already.
            self.keys.of(&token).and(at_first)
        }
    }

    /// The user whose token this is, by the keys that are known right now.
    ///
    /// # Errors
    /// [`Refusal::InvalidToken`] when it is not believed.
    pub fn user_of_token(&self, token: &str) -> Result<UserId, Refusal> {
        self.verify(&Token::look_at(token)?)
    }

    fn verify(&self, token: &Token<'_>) -> Result<UserId, Refusal> {
        // Before its keys are looked at: what is verified while they change is not remembered for the new ones.
        let generation = self.keys.generation();
        let mut refusal = Refusal::invalid_token("this server has no secret to verify the token with");
        for key in self.keys.of(token)? {
            match jsonwebtoken::decode::<Object>(token.text, &key.decoding, &key.validation) {
                Ok(believed) => {
                    let claims = believed.claims.0;
                    let user = key.expected.user(&claims, now())?;
                    self.memory.keep(token.text, generation, &claims, &user);
                    return Ok(user);
                }
                Err(error) if *error.kind() == ErrorKind::InvalidSignature => {
                    refusal = Refusal::invalid_token(match token.algorithm {
                        jsonwebtoken::Algorithm::HS256 => {
                            "the token is signed with another secret than this server's, or was changed"
                        }
                        _ => {
                            "the signature of the token is not that of its key: it was changed, or is forged"
                        }
                    });
                }
                Err(error) => return Err(why(error.kind(), token, &key.expected)),
            }
        }
        Err(refusal)
    }
}

/// Words for what the library turned down. It checks the signature before it looks at any claim.
fn why(kind: &ErrorKind, token: &Token<'_>, expected: &Expected) -> Refusal {
    let is_about_claims = matches!(
        kind,
        ErrorKind::ExpiredSignature
            | ErrorKind::InvalidIssuer
            | ErrorKind::InvalidAudience
            | ErrorKind::MissingRequiredClaim(_)
            | ErrorKind::InvalidClaimFormat(_)
    );
    if is_about_claims
        && let Ok(Object(claims)) = jsonwebtoken::dangerous::insecure_decode_claims(token.text)
        && let Err(refusal) = expected.user(&claims, now())
    {
        return refusal;
    }
    Refusal::invalid_token(
        "the header or the claims of the token are no JSON object in which every member stands once and has the type that \
         it should",
    )
}

/// Seconds since 1970, by the clock that the library goes by.
fn now() -> i64 {
    i64::try_from(jsonwebtoken::get_current_timestamp()).unwrap_or(i64::MAX)
}

fn bearer_token(headers: &HeaderMap) -> Result<&str, Refusal> {
    let mut all = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = all.next() else {
        return Err(Refusal::NoToken("send a token: Authorization: Bearer <token>"));
    };
    if all.next().is_some() {
        return Err(Refusal::invalid_token("there is more than one Authorization header"));
    }
    let value = value.as_bytes();
    let (scheme, token) = value.split_at(value.iter().position(|byte| *byte == b' ').unwrap_or(value.len()));
    if !scheme.eq_ignore_ascii_case(b"bearer") {
        return Err(Refusal::NoToken("send a token: Authorization: Bearer <token>"));
    }
    match std::str::from_utf8(token) {
        Ok(token) => Ok(token.trim_start_matches(' ')),
        Err(_) => Err(Refusal::invalid_token("this is not a JWT (header.claims.signature)")),
    }
}
