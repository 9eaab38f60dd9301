//! All keys of the server, and the choice of the key that verifies a token.

use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::future::join_all;
use futures_util::stream::FuturesUnordered;
use jsonwebtoken::Algorithm;
use secrecy::{ExposeSecret, SecretString};

use super::claims::ClaimRules;
use super::jwt::Jwt;
use super::key_cache::{Found, Key, KeyCache};
use super::key_set::KeySet;
use super::{KeySetConfig, TokenRules};
use crate::refusal::Refusal;

/// The secrets and the key sets.
pub(super) struct KeyStore {
    secrets: Vec<Arc<Key>>,
    public_keys: Arc<KeyCache>,
    sets: Vec<Arc<KeySet>>,
}

impl KeyStore {
    /// The secrets of the rules, and their key sets, none of them read yet.
    ///
    /// # Errors
    /// When the HTTP client cannot be built.
    pub(super) fn new(rules: &TokenRules) -> Result<Self, String> {
        let claim_rules = |issuers: &[String], audiences: &[String]| {
            Arc::new(ClaimRules {
                issuers: issuers.to_vec(),
                audiences: audiences.to_vec(),
                user_claim: rules.user_claim.clone(),
                max_lifetime: rules.max_lifetime,
                not_before: rules.not_before,
            })
        };
        let secret_rules = claim_rules(&rules.issuers, &rules.audiences);
        let public_keys = Arc::new(KeyCache::new(rules.key_sets.len()));
        let key_set = |(index, config): (usize, &KeySetConfig)| {
            let rules = claim_rules(&config.issuers, &config.audiences);
            KeySet::new(config, rules, public_keys.clone(), index).map(Arc::new)
        };
        let sets = rules.key_sets.iter().enumerate().map(key_set).collect::<Result<_, _>>()?;
        let secret =
            |secret: &SecretString| Arc::new(Key::from_secret(secret.expose_secret(), &secret_rules));
        Ok(Self { secrets: rules.secrets.iter().map(secret).collect(), public_keys, sets })
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
            set.warn_if_unsafe();
            tokio::spawn(set.clone().keep_fresh());
        }
        Ok(())
    }

    pub(super) fn has_key(&self) -> bool {
        !self.secrets.is_empty() || !self.public_keys.is_empty()
    }

    /// A number that changes whenever a key is added or removed.
    pub(super) fn generation(&self) -> u64 {
        self.public_keys.generation()
    }

    pub(super) fn problems(&self) -> Vec<String> {
        self.sets.iter().filter_map(|set| set.problem()).collect()
    }

    /// The `kid` of the token, if no known key has it. A key set that is read again may have it.
    pub(super) fn unknown_kid<'t>(&self, jwt: &'t Jwt<'_>) -> Option<&'t str> {
        let kid = jwt.kid.as_deref()?;
        let is_known = jwt.algorithm == Algorithm::HS256 || self.has_kid(kid);
        (!is_known).then_some(kid)
    }

    /// Whether a public key has that `kid`.
    pub(super) fn has_kid(&self, kid: &str) -> bool {
        self.public_keys.has_kid(kid)
    }

    /// Reads the key sets that are not cooling down, until one of them has a key with that `kid`.
    pub(super) async fn refresh_for_kid(&self, kid: &str) {
        let sets = self.sets.iter().filter(|set| !set.is_cooling_down());
        let mut reads: FuturesUnordered<_> = sets.map(|set| set.refresh_for_kid(kid)).collect();
        while !self.has_kid(kid) && reads.next().await.is_some() {}

        if self.has_kid(kid) {
            self.sets.iter().for_each(|set| set.end_cool_down());
        }
    }

    /// The keys to verify the token with: every secret for HS256, else exactly one public key.
    ///
    /// A public key is never used as a secret. Each key verifies only its own algorithm, so the token cannot choose one (RFC
    /// 8725, section 3.1).
    ///
    /// # Errors
    /// [`Refusal::InvalidToken`] when no key fits, or more than one.
    pub(super) fn for_token(&self, jwt: &Jwt<'_>) -> Result<Vec<Arc<Key>>, Refusal> {
        let algorithm = jwt.algorithm;
        if algorithm == Algorithm::HS256 {
            return if self.secrets.is_empty() { refuse(NO_SECRET) } else { Ok(self.secrets.clone()) };
        }
        if self.sets.is_empty() {
            return refuse(NO_KEY_SET);
        }

        let kid = jwt.kid.as_deref();
        match self.public_keys.find(algorithm, kid) {
            Found::One(key) => Ok(vec![key]),
            Found::Several(keys) if kid.is_some() => {
                key_for_issuer(&keys, jwt.unverified_issuer().as_deref())
            }
            Found::Several(_) => refuse(
                "the token does not say which key it is signed with: it needs a key id in its header (kid)",
            ),
            Found::None if kid.is_some_and(|kid| self.has_kid(kid)) => {
                refuse("the algorithm of the token (alg) is not that of its key (kid)")
            }
            Found::None => match self.public_keys.find_without_kid(algorithm) {
                Found::One(key) => Ok(vec![key]),
                _ if kid.is_none() => refuse("this server knows no key for the algorithm of the token (alg)"),
                _ => Err(self.unknown_key()),
            },
        }
    }

    fn unknown_key(&self) -> Refusal {
        match self.sets.iter().find_map(|set| set.unreadable()) {
            Some(why) => Refusal::invalid_token(format!(
                "this server does not know the key of the token (kid), and cannot read the issuer's key set right now: {why}"
            )),
            None => Refusal::invalid_token(
                "the key of the token (kid) is not in the issuer's key set: if the key is new, try again in a few seconds; \
                 else check that BETTER_AUTH_URL or JWKS_URL is where the token comes from",
            ),
        }
    }
}

/// Chooses between several keys with the same `kid`, by the issuer of the token. Two issuers can use the same `kid`.
///
/// Takes the key whose set lists the token's issuer, else the key whose set accepts any issuer. The issuer is not verified
/// yet, but it only chooses the key. The signature must fit that key, and the claims must obey the rules of its set.
fn key_for_issuer(keys: &[Arc<Key>], issuer: Option<&str>) -> Result<Vec<Arc<Key>>, Refusal> {
    let lists_issuer =
        |key: &&Arc<Key>| key.claim_rules.issuers.iter().any(|listed| Some(listed.as_str()) == issuer);
    let accepts_any = |key: &&Arc<Key>| key.claim_rules.issuers.is_empty();
    let mut fitting: Vec<_> = keys.iter().filter(lists_issuer).cloned().collect();
    if fitting.is_empty() {
        fitting = keys.iter().filter(accepts_any).cloned().collect();
    }
    match fitting.len() {
        1 => Ok(fitting),
        _ => refuse("more than one key has the key id of the token (kid): give each key its own"),
    }
}

fn refuse<T>(why: &'static str) -> Result<T, Refusal> {
    Err(Refusal::invalid_token(why))
}

const NO_SECRET: &str = "the token is signed with a secret (HS256), and this server has none: send the token of Better \
                         Auth's jwt plugin, or set BETTER_AUTH_SECRET";
const NO_KEY_SET: &str = "the token is signed with a key pair, and this server knows only a secret (HS256): set \
                          BETTER_AUTH_URL";
