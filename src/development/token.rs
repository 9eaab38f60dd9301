//! Tokens for development, signed with the server's own secret.

use jsonwebtoken::{EncodingKey, Header};
use secrecy::ExposeSecret;
use serde_json::Map;

use crate::auth::{TokenRules, Verifier};
use crate::refusal::Refusal;

/// How long a token is valid if the command does not say, in seconds: one day.
pub const DEFAULT_LIFETIME: u64 = 24 * 60 * 60;

/// How long a token is valid that these rules accept and nobody chose a lifetime for, in seconds.
pub fn default_lifetime(rules: &TokenRules) -> u64 {
    DEFAULT_LIFETIME.min(rules.max_lifetime)
}

/// A token for `user` that a server with these rules accepts for `lifetime` seconds.
///
/// # Errors
/// When there is no secret to sign with, or the server would not accept the token.
pub fn mint(rules: &TokenRules, user: &str, lifetime: u64) -> Result<String, String> {
    let secrets = rules.secrets().and_then(|(source, secrets)| Some((source, secrets.first()?)));
    let (source, secret) = secrets.ok_or_else(|| match rules.sources.first() {
        Some(source) => format!(
            "there is no secret to sign with, because tokens come from the issuer of {}: set BETTER_AUTH_SECRET as well",
            source.setting
        ),
        None => "there is no secret to sign with: set BETTER_AUTH_SECRET".into(),
    })?;
    if lifetime > rules.max_lifetime {
        return Err(format!("a token may be valid for at most {} s (JWT_MAX_LIFETIME)", rules.max_lifetime));
    }

    let now = jsonwebtoken::get_current_timestamp();
    let mut claims = Map::new();
    claims.insert("iat".into(), now.into());
    claims.insert("exp".into(), (now + lifetime).into());
    // Every token needs a subject, also where another claim names the user.
    for name in ["sub", rules.user_claim.as_str()] {
        claims.insert(name.into(), user.into());
    }
    for (name, accepted) in [("iss", &source.issuers), ("aud", &source.audiences)] {
        claims.extend(accepted.first().map(|first| (name.into(), first.as_str().into())));
    }

    let key = EncodingKey::from_secret(secret.expose_secret().as_bytes());
    let token = jsonwebtoken::encode(&Header::default(), &claims, &key).map_err(|error| error.to_string())?;
    verify(rules, &token)?;
    Ok(token)
}

/// Finds a problem now that the server would find later, for example a blank user id.
fn verify(rules: &TokenRules, token: &str) -> Result<(), String> {
    let secrets = rules.secrets().map(|(source, _)| source.clone());
    let secrets_only = TokenRules { sources: secrets.into_iter().collect(), ..rules.clone() };
    match Verifier::new(&secrets_only)?.user_of_token(token) {
        Ok(_) => Ok(()),
        Err(Refusal::InvalidToken { text, .. }) => {
            Err(format!("the server would not accept the token: {text}"))
        }
        Err(refusal) => Err(format!("{refusal:?}")),
    }
}
