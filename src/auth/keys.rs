//! Every key that is known right now, and which of them a token is to be checked with.

use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::future::join_all;
use futures_util::stream::FuturesUnordered;
use jsonwebtoken::Algorithm;

use super::claims::Expected;
use super::jwks::say_loaded;
use super::key::Key;
use super::key_set::Source;
use super::ring::{Found, Ring};
use super::token::Token;
use super::{Demands, KeySet};
use crate::refusal::Refusal;

/// The secrets and the key sets.
pub(super) struct Keys {
    secrets: Vec<Arc<Key>>,
    ring: Arc<Ring>,
    sources: Vec<Arc<Source>>,
}

impl Keys {
    /// What `demands` name, without having read any set.
    ///
    /// # Errors
    /// When the system has no use for a client of HTTP.
    pub(super) fn new(demands: &Demands) -> Result<Self, String> {
        let expected = |issuers: &[String], audiences: &[String]| {
            Arc::new(Expected {
                issuers: issuers.to_vec(),
                audiences: audiences.to_vec(),
                user_claim: demands.user_claim.clone(),
                max_lifetime: demands.max_lifetime,
            })
        };
        let of_secrets = expected(&demands.issuers, &demands.audiences);
        let ring = Arc::new(Ring::of(demands.key_sets.len()));
        let source = |(at, set): (usize, &KeySet)| {
            Source::new(set, expected(&set.issuers, &set.audiences), ring.clone(), at).map(Arc::new)
        };
        let sources = demands.key_sets.iter().enumerate().map(source).collect::<Result<_, _>>()?;
        Ok(Self {
            secrets: demands
                .secrets
                .iter()
                .map(|secret| Arc::new(Key::of_secret(secret, &of_secrets)))
                .collect(),
            ring,
            sources,
        })
    }

    /// Reads every set once, names every key in the log, and keeps the sets up to date from then on.
    ///
    /// # Errors
    /// When a file is not there or holds no key set.
    pub(super) async fn read_sets(&self) -> Result<(), String> {
        for (key, source) in self.secrets.iter().zip(["BETTER_AUTH_SECRET", "BETTER_AUTH_SECRET_PREVIOUS"]) {
            say_loaded(key, source);
        }
        join_all(self.sources.iter().map(|source| source.read())).await;
        for source in &self.sources {
            source.prove_readable()?;
            source.warn();
            tokio::spawn(source.clone().keep_fresh());
        }
        Ok(())
    }

    pub(super) fn any(&self) -> bool {
        !self.secrets.is_empty() || self.ring.has_any()
    }

    /// Another number each time a key comes or goes.
    pub(super) fn generation(&self) -> u64 {
        self.ring.generation()
    }

    pub(super) fn problems(&self) -> Vec<String> {
        self.sources.iter().filter_map(|source| source.problem()).collect()
    }

    /// The name of the token's key, if no known key has it, so that a set that is read again may bring it.
    pub(super) fn unknown<'t>(&self, token: &'t Token<'_>) -> Option<&'t str> {
        let kid = token.kid.as_deref()?;
        let is_known = token.algorithm == Algorithm::HS256 || self.ring.has(kid);
        (!is_known).then_some(kid)
    }

    /// Whether a public key has that name.
    pub(super) fn knows(&self, kid: &str) -> bool {
        self.ring.has(kid)
    }

    /// Reads again whatever sets may have brought the key of that name in the meantime, until one has.
    pub(super) async fn look_for(&self, kid: &str) {
        let asked = self.sources.iter().filter(|source| !source.was_in_vain());
        let mut looks: FuturesUnordered<_> = asked.map(|source| source.look_for(kid)).collect();
        while !self.ring.has(kid) && looks.next().await.is_some() {}

        if self.ring.has(kid) {
            self.sources.iter().for_each(|source| source.forgive());
        }
    }

    /// The keys to check a token with: the secrets, or the one public key that it names. A public key is never a secret,
    /// and none verifies another algorithm than its own, whatever the token says.
    ///
    /// # Errors
    /// [`Refusal::InvalidToken`] when no key, or more than one, can be meant.
    pub(super) fn of(&self, token: &Token<'_>) -> Result<Vec<Arc<Key>>, Refusal> {
        let algorithm = token.algorithm;
        if algorithm == Algorithm::HS256 {
            return if self.secrets.is_empty() { refuse(NO_SECRET) } else { Ok(self.secrets.clone()) };
        }
        if self.sources.is_empty() {
            return refuse(NO_KEY_SET);
        }

        let kid = token.kid.as_deref();
        match self.ring.find(algorithm, kid) {
            Found::One(key) => Ok(vec![key]),
            // Two issuers, neither of which has to know what the other calls its keys.
            Found::Several(keys) if kid.is_some() => of_issuer(&keys, token.issuer().as_deref()),
            Found::Several(_) => refuse("the token does not say which key it is signed with (kid)"),
            Found::Nothing if kid.is_some_and(|kid| self.ring.has(kid)) => {
                refuse("the token's algorithm (alg) is not that of its key")
            }
            Found::Nothing => match self.ring.nameless(algorithm) {
                Found::One(key) => Ok(vec![key]),
                _ if kid.is_none() => refuse("no key is known here of the token's algorithm (alg)"),
                _ => Err(self.unknown_key()),
            },
        }
    }

    fn unknown_key(&self) -> Refusal {
        let is_anybody_out_of_reach = self.sources.iter().any(|source| source.is_out_of_reach());
        Refusal::invalid_token(if is_anybody_out_of_reach {
            "the token is signed with a key that is not known here (kid), and its issuer cannot be asked right now"
        } else {
            "the key that the token is signed with (kid) is not among those that its issuer publishes: if it is new, try \
             again in a few seconds; else compare BETTER_AUTH_URL or JWKS_URL with where the token comes from"
        })
    }
}

/// Of several keys of one name that whose set expects that issuer, or else that whose set expects none. The token's word
/// for it is not believed yet: the signature has to fit that key, and the claims what is expected beside it.
fn of_issuer(keys: &[Arc<Key>], issuer: Option<&str>) -> Result<Vec<Arc<Key>>, Refusal> {
    let expects =
        |key: &&Arc<Key>| key.expected.issuers.iter().any(|expected| Some(expected.as_str()) == issuer);
    let expects_none = |key: &&Arc<Key>| key.expected.issuers.is_empty();
    let mut fitting: Vec<_> = keys.iter().filter(expects).cloned().collect();
    if fitting.is_empty() {
        fitting = keys.iter().filter(expects_none).cloned().collect();
    }
    match fitting.len() {
        1 => Ok(fitting),
        _ => refuse("more than one key has the name that the token gives (kid)"),
    }
}

fn refuse<T>(why: &'static str) -> Result<T, Refusal> {
    Err(Refusal::invalid_token(why))
}

const NO_SECRET: &str = "the token is signed with a secret (HS256), and this server has none: send the token of Better \
                         Auth's jwt plugin, or set BETTER_AUTH_SECRET";
const NO_KEY_SET: &str = "the token is signed with a key pair, and this server knows only a secret (HS256): set \
                          BETTER_AUTH_URL";
