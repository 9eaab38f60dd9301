//! Every key that is known right now, and which of them a token is to be checked with.

use std::sync::Arc;

use futures_util::future::join_all;
use jsonwebtoken::Algorithm;

use super::claims::Expected;
use super::key::Key;
use super::key_set::{Source, say_loaded};
use super::token::Token;
use super::{Demands, KeySet};
use crate::refusal::Refusal;

/// The secrets and the key sets.
pub(super) struct Keys {
    secrets: Vec<Arc<Key>>,
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
        let source = |set: &KeySet| Source::new(set, expected(&set.issuers, &set.audiences)).map(Arc::new);
        Ok(Self {
            secrets: demands
                .secrets
                .iter()
                .map(|secret| Arc::new(Key::of_secret(secret, &of_secrets)))
                .collect(),
            sources: demands.key_sets.iter().map(source).collect::<Result<_, _>>()?,
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
            source.warn_of_strangers();
            tokio::spawn(source.clone().keep_fresh());
        }
        Ok(())
    }

    pub(super) fn any(&self) -> bool {
        !self.secrets.is_empty() || self.sources.iter().any(|source| !source.keys().is_empty())
    }

    pub(super) fn problems(&self) -> Vec<String> {
        self.sources.iter().filter_map(|source| source.problem()).collect()
    }

    /// The name of the token's key, if no known key can be meant by it, so that a set that is read again may bring it.
    pub(super) fn unknown<'t>(&self, token: &'t Token<'_>) -> Option<&'t str> {
        let kid = token.kid.as_deref()?;
        let is_known = token.algorithm == Algorithm::HS256
            || !self.public(|key| key.kid.as_deref() == Some(kid)).is_empty()
            || self.nameless(token.algorithm).is_some();
        (!is_known).then_some(kid)
    }

    /// Reads again whatever set may have brought the key of that name in the meantime.
    pub(super) async fn look_for(&self, kid: &str) {
        let is_known = || self.sources.iter().any(|source| source.has(kid));
        join_all(self.sources.iter().map(|source| source.look_for(kid, is_known))).await;
        if is_known() {
            join_all(self.sources.iter().map(|source| source.forgive())).await;
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

        let mut named = self.public(|key| token.kid.is_none() || key.kid == token.kid);
        let is_known = !named.is_empty();
        named.retain(|key| key.algorithm == algorithm);
        match (&*named, &token.kid) {
            ([_], _) => Ok(named),
            ([_, _, ..], None) => refuse("the token does not say which key it is signed with (kid)"),
            ([_, _, ..], Some(_)) => refuse("more than one key has the name that the token gives (kid)"),
            ([], _) if is_known => refuse("the token's algorithm (alg) is not that of its key"),
            ([], Some(_)) => self.nameless(algorithm).map(|key| vec![key]).ok_or_else(|| self.unknown_key()),
            ([], None) => Err(self.unknown_key()),
        }
    }

    fn unknown_key(&self) -> Refusal {
        Refusal::invalid_token(if self.problems().is_empty() {
            "the token is signed with a key that its issuer does not publish (kid): compare BETTER_AUTH_URL or JWKS_URL \
             with where it comes from, or get a new one"
        } else {
            "the token is signed with a key that is not known here (kid), and its issuer cannot be asked right now"
        })
    }

    /// The only key of that algorithm that has no name: it can be meant by any.
    fn nameless(&self, algorithm: Algorithm) -> Option<Arc<Key>> {
        match &*self.public(|key| key.kid.is_none() && key.algorithm == algorithm) {
            [only] => Some(only.clone()),
            _ => None,
        }
    }

    /// The public keys that are wanted. One that several sets hold is one, and what the first set expects is expected.
    fn public(&self, wanted: impl Fn(&Key) -> bool) -> Vec<Arc<Key>> {
        let mut found: Vec<Arc<Key>> = Vec::new();
        for source in &self.sources {
            for key in source.keys().iter().filter(|key| wanted(key)) {
                if !found.iter().any(|known| known.is_same_as(key)) {
                    found.push(key.clone());
                }
            }
        }
        found
    }
}

fn refuse<T>(why: &'static str) -> Result<T, Refusal> {
    Err(Refusal::invalid_token(why))
}

const NO_SECRET: &str = "the token is signed with a secret (HS256), and this server has none: send the token of Better \
                         Auth's jwt plugin, or set BETTER_AUTH_SECRET";
const NO_KEY_SET: &str = "the token is signed with a key pair, and this server knows only a secret (HS256): set \
                          BETTER_AUTH_URL";
