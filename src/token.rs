//! Tokens to develop with, signed with the server's own secret.

use jsonwebtoken::{EncodingKey, Header};
use serde_json::Map;

use crate::auth::{Demands, Verifier};
use crate::refusal::Refusal;

/// A token that a verifier with these demands accepts for `user`, for `lifetime` seconds from now.
///
/// # Errors
/// A sentence, when there is no secret to sign with or the token would not be accepted.
pub fn mint(demands: &Demands, user: &str, lifetime: u64) -> Result<String, String> {
    let secret = demands.secrets.first().ok_or_else(|| match demands.key_sets.first() {
        Some(set) => format!(
            "there is no secret to sign with: tokens come from the issuer of {}; set BETTER_AUTH_SECRET beside it",
            set.name
        ),
        None => "there is no secret to sign with: set BETTER_AUTH_SECRET".into(),
    })?;
    if lifetime > demands.max_lifetime {
        return Err(format!("a token may live for {} s at most (JWT_MAX_LIFETIME)", demands.max_lifetime));
    }

    let now = jsonwebtoken::get_current_timestamp();
    let mut claims = Map::new();
    claims.insert("iat".into(), now.into());
    claims.insert("exp".into(), (now + lifetime).into());
    claims.insert(demands.user_claim.clone(), user.into());
    for (name, accepted) in [("iss", &demands.issuers), ("aud", &demands.audiences)] {
        claims.extend(accepted.first().map(|one| (name.into(), one.as_str().into())));
    }

    let key = EncodingKey::from_secret(secret.as_bytes());
    let token = jsonwebtoken::encode(&Header::default(), &claims, &key).map_err(|error| error.to_string())?;
    would_be_believed(demands, &token)?;
    Ok(token)
}

/// Such as for a user whose name is blank: better to hear it now than from the server.
fn would_be_believed(demands: &Demands, token: &str) -> Result<(), String> {
    let secrets_alone = Demands { key_sets: vec![], ..demands.clone() };
    match Verifier::new(&secrets_alone)?.user_of_token(token) {
        Ok(_) => Ok(()),
        Err(Refusal::InvalidToken(why)) => Err(format!("no server would take it: {why}")),
        Err(refusal) => Err(format!("{refusal:?}")),
    }
}
