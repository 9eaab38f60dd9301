//! Where tokens come from, and what they must claim.

use std::time::Duration;

use jiff::Timestamp;
use secrecy::SecretString;

use super::JwksLocation;

/// The sources of the tokens that are accepted, and what every token must claim.
#[derive(Clone, Debug)]
pub struct TokenRules {
    /// One source judges a token: the one whose issuer the token names. No two sources have an issuer in common, and only one
    /// key set may accept any issuer.
    pub sources: Vec<TokenSource>,
    /// The claim that names the user.
    pub user_claim: String,
    /// How far in the future a token's expiry may be, in seconds.
    pub max_lifetime: u64,
    /// Tokens that were issued before this moment are refused, and tokens that do not say when.
    pub not_before: Option<Timestamp>,
}

/// Keys, and what the tokens of these keys must claim.
#[derive(Clone, Debug)]
pub struct TokenSource {
    /// The setting that names the source.
    pub setting: &'static str,
    pub keys: SourceKeys,
    /// The issuers to accept. Empty: any issuer but those of other sources, or none.
    pub issuers: Vec<String>,
    /// The audiences to accept. Empty: any audience, or none.
    pub audiences: Vec<String>,
}

/// The keys of a source.
#[derive(Clone, Debug)]
pub enum SourceKeys {
    /// The secrets for HS256, the current one first. Their UTF-8 bytes are the key. Empty only until development has made one.
    Secrets(Vec<SecretString>),
    /// A set of public keys.
    Set {
        /// Where the set is.
        location: JwksLocation,
        /// How long one read may take, and how long a request waits for it.
        read_timeout: Duration,
    },
}

impl TokenRules {
    /// The source of the tokens that are signed with a secret, and its secrets.
    pub fn secrets(&self) -> Option<(&TokenSource, &[SecretString])> {
        self.sources.iter().find_map(|source| match &source.keys {
            SourceKeys::Secrets(secrets) => Some((source, &**secrets)),
            SourceKeys::Set { .. } => None,
        })
    }
}
