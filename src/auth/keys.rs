//! The sources of tokens with their keys, and the choice of the key that verifies a token.

use std::sync::Arc;

use futures_util::future::join_all;
use jsonwebtoken::Algorithm;
use secrecy::ExposeSecret;

use super::claims::ClaimRules;
use super::issuer::canonical_issuer;
use super::jwt::Jwt;
use super::key::Key;
use super::key_set::{KeySet, KeySetFigures};
use super::source::{SourceKeys, TokenRules, TokenSource};
use super::token_cache::Generation;
use crate::refusal::{Refusal, TokenProblem};

/// The secrets and the key sets.
pub(super) struct KeyStore {
    secrets: Vec<Arc<Key>>,
    sets: Vec<Arc<KeySet>>,
}

/// The one source that judges a token.
#[derive(Clone, Copy)]
pub(super) enum Source<'a> {
    Secrets(&'a [Arc<Key>]),
    Set(&'a Arc<KeySet>),
}

impl KeyStore {
    /// The secrets of the rules, and their key sets, none of them read yet.
    ///
    /// # Errors
    /// When the HTTP client cannot be built.
    pub(super) fn new(rules: &TokenRules) -> Result<Self, String> {
        let mut store = Self { secrets: vec![], sets: vec![] };
        for source in &rules.sources {
            let claim_rules = Arc::new(ClaimRules {
                is_of_secret: matches!(source.keys, SourceKeys::Secrets(_)),
                issuers: source.issuers.clone(),
                foreign_issuers: foreign_issuers(source, &rules.sources),
                audiences: source.audiences.clone(),
                user_claim: rules.user_claim.clone(),
                max_lifetime: rules.max_lifetime,
                not_before: rules.not_before,
            });
            match &source.keys {
                SourceKeys::Secrets(secrets) => {
                    let keys = secrets
                        .iter()
                        .map(|secret| Arc::new(Key::from_secret(secret.expose_secret(), &claim_rules)));
                    store.secrets.extend(keys);
                }
                SourceKeys::Set { location, read_timeout } => {
                    let set = KeySet::new(source.setting, location, *read_timeout, claim_rules)?;
                    store.sets.push(Arc::new(set));
                }
            }
        }
        Ok(store)
    }

    /// Reads every set once, logs every key, and starts the tasks that keep the sets up to date.
    ///
    /// # Errors
    /// When a file is missing or holds no key set.
    pub(super) async fn read_sets(&self) -> Result<(), String> {
        for (key, setting) in self.secrets.iter().zip(["BETTER_AUTH_SECRET", "BETTER_AUTH_SECRET_PREVIOUS"]) {
            key.log_loaded(setting);
        }
        join_all(self.sets.iter().map(|set| set.read())).await;
        for set in &self.sets {
            set.require_file()?;
            tokio::spawn(set.clone().keep_fresh());
        }
        Ok(())
    }

    pub(super) fn has_key(&self) -> bool {
        !self.secrets.is_empty() || self.sets.iter().any(|set| !set.keys().is_empty())
    }

    pub(super) fn figures(&self) -> Vec<KeySetFigures> {
        self.sets.iter().map(|set| set.figures()).collect()
    }

    pub(super) fn problems(&self) -> Vec<String> {
        self.sets.iter().filter_map(|set| set.problem()).collect()
    }

    /// The source that judges the token: for HS256 the secrets, else the key set whose issuer the token names, else the key
    /// set that accepts any issuer.
    ///
    /// The issuer is not verified yet, but it only chooses the source. The signature must fit a key of that source, and the
    /// claims must obey its rules. So no key of one issuer can verify, or stand in the way of, a token of another.
    ///
    /// # Errors
    /// [`Refusal::InvalidToken`] when no source judges such tokens.
    pub(super) fn source_of(&self, jwt: &Jwt<'_>) -> Result<Source<'_>, Refusal> {
        if jwt.algorithm == Algorithm::HS256 {
            return if self.secrets.is_empty() {
                refuse(TokenProblem::NoKey, NO_SECRET)
            } else {
                Ok(Source::Secrets(&self.secrets))
            };
        }
        match &*self.sets {
            [] => refuse(TokenProblem::NoKey, NO_KEY_SET),
            // Its rules refuse another issuer, after the signature, with a text that names the right one.
            [only] => Ok(Source::Set(only)),
            several => {
                let issuer = jwt.unverified_issuer()?.map(|issuer| canonical_issuer(&issuer));
                let names_issuer = |set: &&Arc<KeySet>| {
                    let mut listed = set.claim_rules().issuers.iter();
                    listed.any(|listed| issuer.as_ref() == Some(&canonical_issuer(listed)))
                };
                let accepts_any = |set: &&Arc<KeySet>| set.claim_rules().issuers.is_empty();
                let named = several.iter().find(names_issuer).or_else(|| several.iter().find(accepts_any));
                // The text does not say which issuers are accepted: the token may be invented.
                named.map(Source::Set).ok_or_else(|| {
                    Refusal::invalid_token(TokenProblem::Issuer, match issuer {
                        Some(_) => "no key set of this server is that of the token's issuer (iss): set JWT_ISSUER to what your tokens say",
                        None => "the token does not say who issued it: this server has several key sets, and needs the claim iss",
                    })
                })
            }
        }
    }
}

/// The issuers that other sources list, and this one does not.
fn foreign_issuers(source: &TokenSource, all: &[TokenSource]) -> Vec<String> {
    let listed =
        |source: &TokenSource| source.issuers.iter().map(|issuer| canonical_issuer(issuer)).collect();
    let own: Vec<String> = listed(source);
    let foreign = all.iter().flat_map(|other| -> Vec<String> { listed(other) });
    foreign.filter(|issuer| !own.contains(issuer)).collect()
}

impl<'a> Source<'a> {
    /// The keys to verify the token with: every secret, or exactly one public key.
    ///
    /// A public key is never used as a secret. Each key verifies only its own algorithm, so the token cannot choose one (RFC
    /// 8725, section 3.1).
    ///
    /// # Errors
    /// [`Refusal::InvalidToken`] when no key fits, or more than one.
    pub(super) fn keys_for(self, jwt: &Jwt<'_>) -> Result<Vec<Arc<Key>>, Refusal> {
        match self {
            Self::Secrets(secrets) => Ok(secrets.to_vec()),
            Self::Set(set) => Ok(vec![key_of_set(set, jwt)?]),
        }
    }

    /// The keys of the source as they are now.
    pub(super) fn generation(self) -> Generation {
        match self {
            // They are read once, at start.
            Self::Secrets(_) => Generation::default(),
            Self::Set(set) => set.generation(),
        }
    }

    /// The key set and the `kid` of the token, if no known key of the set has it. The set may have it when it is read again.
    pub(super) fn unknown_kid<'t>(self, jwt: &'t Jwt<'_>) -> Option<(&'a Arc<KeySet>, &'t str)> {
        match (self, jwt.kid.as_deref()) {
            (Self::Set(set), Some(kid)) if !set.has_kid(kid) => Some((set, kid)),
            _ => None,
        }
    }
}

fn key_of_set(set: &KeySet, jwt: &Jwt<'_>) -> Result<Arc<Key>, Refusal> {
    let keys = set.keys();
    let kid = jwt.kid.as_deref();
    let of_algorithm = || keys.iter().filter(|key| key.algorithm == jwt.algorithm);
    let named: Vec<_> = of_algorithm().filter(|key| kid.is_none() || key.kid.as_deref() == kid).collect();
    let without_kid: Vec<_> = of_algorithm().filter(|key| key.kid.is_none()).collect();

    match (&*named, kid) {
        ([only], _) => Ok((*only).clone()),
        ([_, ..], Some(_)) => refuse(
            TokenProblem::AmbiguousKey,
            "more than one key has the key id of the token (kid): give each key its own",
        ),
        ([_, ..], None) => refuse(
            TokenProblem::AmbiguousKey,
            "the token does not say which key it is signed with: it needs a key id in its header (kid)",
        ),
        ([], Some(kid)) if set.has_kid(kid) => {
            refuse(TokenProblem::Algorithm, "the algorithm of the token (alg) is not that of its key (kid)")
        }
        ([], _) => match (&*without_kid, kid) {
            ([only], _) => Ok((*only).clone()),
            (_, None) => refuse(
                TokenProblem::Algorithm,
                "this server knows no key for the algorithm of the token (alg)",
            ),
            (_, Some(_)) => Err(unknown_key(set)),
        },
    }
}

fn unknown_key(set: &KeySet) -> Refusal {
    match set.unreadable() {
        Some(why) => Refusal::invalid_token(
            TokenProblem::KeySetUnreadable,
            format!(
                "this server does not know the key of the token (kid), and cannot read the issuer's key set right now: {why}"
            ),
        ),
        None => Refusal::invalid_token(
            TokenProblem::UnknownKey,
            "the key of the token (kid) is not in the issuer's key set: if the key is new, try again in a few seconds; else \
             check that BETTER_AUTH_URL or JWKS_URL is where the token comes from",
        ),
    }
}

fn refuse<T>(problem: TokenProblem, why: &'static str) -> Result<T, Refusal> {
    Err(Refusal::invalid_token(problem, why))
}

const NO_SECRET: &str = "the token is signed with a secret (HS256), and this server has none: send the token of Better \
                         Auth's jwt plugin, or set BETTER_AUTH_SECRET";
const NO_KEY_SET: &str = "the token is signed with a key pair, and this server knows only a secret (HS256): set \
                          BETTER_AUTH_URL";
