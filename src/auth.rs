//! An `Authorization` header to a [`UserId`]: the only way in.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::{AUTHORIZATION, HeaderMap};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Map, Value};

use crate::refusal::Refusal;

/// The id of a user whose token was verified. There is no other way to come by one than [`Verifier::user`].
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

/// What is longer, in bytes, is refused before any work is done. Better Auth puts the whole row of a user into a token.
const LONGEST_TOKEN: usize = 16 * 1024;

/// No user id is longer, in characters; the column has the same limit.
const LONGEST_USER_ID: usize = 255;

/// What a token must say to be believed.
#[derive(Clone, Debug)]
pub struct Demands {
    /// The secrets a token may be signed with (HS256, their UTF-8 bytes), the current one first.
    pub secrets: Vec<String>,
    /// The issuers to accept; none: any, or no issuer at all.
    pub issuers: Vec<String>,
    /// The audiences to accept; none: any, or no audience at all.
    pub audiences: Vec<String>,
    /// The claim that names the user.
    pub user_claim: String,
    /// How far away a token's expiry may be, in seconds.
    pub max_lifetime: u64,
}

/// Tells tokens to believe from all others.
#[derive(Clone)]
pub struct Verifier {
    keys: Vec<DecodingKey>,
    validation: Validation,
    user_claim: String,
    max_lifetime: u64,
}

impl Verifier {
    /// A verifier that accepts what meets `demands`.
    pub fn new(demands: Demands) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.leeway = LEEWAY;
        validation.validate_nbf = true;
        let mut required = vec!["exp"];
        if !demands.issuers.is_empty() {
            validation.set_issuer(&demands.issuers);
            required.push("iss");
        }
        if demands.audiences.is_empty() {
            validation.validate_aud = false;
        } else {
            validation.set_audience(&demands.audiences);
            required.push("aud");
        }
        validation.set_required_spec_claims(&required);

        Self {
            keys: demands.secrets.iter().map(|secret| DecodingKey::from_secret(secret.as_bytes())).collect(),
            validation,
            user_claim: demands.user_claim,
            max_lifetime: demands.max_lifetime,
        }
    }

    /// Whether there is a key to verify any token with.
    pub fn has_key(&self) -> bool {
        !self.keys.is_empty()
    }

    /// The user whose token stands in `Authorization: Bearer <token>` (RFC 6750, section 2.1).
    ///
    /// Needs no database, no network, and at most one check of a signature for each configured secret.
    ///
    /// # Errors
    /// [`Refusal::NoToken`] without a bearer token, [`Refusal::InvalidToken`] with one that is not believed.
    pub fn user(&self, headers: &HeaderMap) -> Result<UserId, Refusal> {
        let token = bearer_token(headers)?;
        refuse_odd_header(token)?;

        let claims = self.verified_claims(token)?;

        self.refuse_odd_claims(&claims)?;
        user_id(&claims, &self.user_claim)
    }

    fn verified_claims(&self, token: &str) -> Result<Map<String, Value>, Refusal> {
        let mut why = ErrorKind::InvalidSignature;
        for key in &self.keys {
            match jsonwebtoken::decode::<Map<String, Value>>(token, key, &self.validation) {
                Ok(token) => return Ok(token.claims),
                Err(error) => why = error.into_kind(),
            }
            if why != ErrorKind::InvalidSignature {
                break;
            }
        }

        Err(Refusal::invalid_token(match why {
            ErrorKind::InvalidSignature => {
                "the token is signed with another secret than this server's, or was changed"
            }
            ErrorKind::ExpiredSignature => "the token has expired, get a new one",
            ErrorKind::ImmatureSignature => "the token is not valid yet, compare the clocks",
            ErrorKind::InvalidIssuer => "the token comes from another issuer than this server accepts",
            ErrorKind::InvalidAudience => "the token is meant for another audience than this server",
            ErrorKind::MissingRequiredClaim(claim) => match claim.as_str() {
                "exp" => "the token does not say when it expires (exp)",
                "iss" => "the token does not say who issued it (iss)",
                _ => "the token does not say who it is meant for (aud)",
            },
            ErrorKind::InvalidClaimFormat(_) => "a time in the token is not a number",
            ErrorKind::InvalidAlgorithm => NOT_OUR_ALGORITHM,
            _ => NOT_A_TOKEN,
        }))
    }

    /// The library compares times with the clock, and issuers with those that are configured; what it takes no
    /// offence at is refused here.
    fn refuse_odd_claims(&self, claims: &Map<String, Value>) -> Result<(), Refusal> {
        if claims.get("iat").is_some_and(|issued| !issued.is_number()) {
            return Err(Refusal::invalid_token("a time in the token is not a number"));
        }
        // RFC 7519, section 4.1.1: one text, not a list that has a right one among others.
        if claims.get("iss").is_some_and(|issuer| !issuer.is_string()) {
            return Err(Refusal::invalid_token("the issuer of the token is not a text (iss)"));
        }

        let latest = jsonwebtoken::get_current_timestamp().saturating_add(self.max_lifetime);
        match claims.get("exp").and_then(Value::as_f64) {
            Some(expires) if expires <= latest as f64 => Ok(()),
            _ => Err(Refusal::invalid_token(
                "the token expires too far in the future (exp counts seconds, not milliseconds)",
            )),
        }
    }
}

const NOT_A_TOKEN: &str = "this is not a JWT (header.claims.signature)";
const NOT_OUR_ALGORITHM: &str = "the token's algorithm is not the key's (HS256)";

fn bearer_token(headers: &HeaderMap) -> Result<&str, Refusal> {
    let mut all = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = all.next() else {
        return Err(Refusal::NoToken("send a token: Authorization: Bearer <token>"));
    };
    if all.next().is_some() {
        return Err(Refusal::invalid_token("there is more than one Authorization header"));
    }
    let value = value.to_str().map_err(|_| Refusal::invalid_token(NOT_A_TOKEN))?;
    let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Refusal::NoToken("send a token: Authorization: Bearer <token>"));
    }

    let token = token.trim_start_matches(' ');
    if token.len() > LONGEST_TOKEN {
        return Err(Refusal::invalid_token("the token is too long"));
    }
    Ok(token)
}

/// Refuses headers that the library would not look at closely enough: it ignores `crit` (which RFC 7515, section
/// 4.1.11, forbids) and takes any `typ`, such as that of a session cookie signed with the same key.
fn refuse_odd_header(token: &str) -> Result<(), Refusal> {
    let header: Map<String, Value> = token
        .split('.')
        .next()
        .and_then(|part| URL_SAFE_NO_PAD.decode(part).ok())
        .and_then(|json| serde_json::from_slice(&json).ok())
        .ok_or(Refusal::invalid_token(NOT_A_TOKEN))?;

    if header.contains_key("crit") {
        return Err(Refusal::invalid_token("the token has a crit header, which this server does not know"));
    }
    match header.get("typ") {
        None => {}
        Some(Value::String(typ)) if typ.eq_ignore_ascii_case("JWT") || typ.eq_ignore_ascii_case("at+jwt") => {
        }
        Some(_) => {
            return Err(Refusal::invalid_token("the token is of another type than JWT or at+jwt (typ)"));
        }
    }
    if header.get("alg").and_then(Value::as_str) != Some("HS256") {
        return Err(Refusal::invalid_token(NOT_OUR_ALGORITHM));
    }

    Ok(())
}

fn user_id(claims: &Map<String, Value>, name: &str) -> Result<UserId, Refusal> {
    let refuse = |why| Err(Refusal::InvalidToken(format!("{why} ({name})").into()));
    let id = match claims.get(name) {
        Some(Value::String(id)) => id,
        Some(_) => return refuse("the user in the token is not a text"),
        None => return refuse("the token does not say whose it is"),
    };

    if id.chars().all(char::is_whitespace) {
        refuse("the user in the token is blank")
    } else if id.chars().count() > LONGEST_USER_ID {
        refuse("the user in the token is longer than 255 characters")
    } else if id.chars().any(char::is_control) {
        refuse("the user in the token holds control characters")
    } else {
        Ok(UserId(id.as_str().into()))
    }
}
