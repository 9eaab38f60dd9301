//! What a token says of itself before anything of it is believed: its shape and its header.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use serde_json::{Map, Value};

use super::claims::SESSION_COOKIE;
use super::object::Object;
use crate::refusal::Refusal;

/// What is longer, in bytes, is refused before any work is done. Better Auth puts the whole row of a user into a token.
const LONGEST_TOKEN: usize = 16 * 1024;

/// The algorithms that keys may have here, as a header spells them.
const ALGORITHMS: [(&str, Algorithm); 6] = [
    ("HS256", Algorithm::HS256),
    ("RS256", Algorithm::RS256),
    ("PS256", Algorithm::PS256),
    ("ES256", Algorithm::ES256),
    ("ES384", Algorithm::ES384),
    ("EdDSA", Algorithm::EdDSA),
];

/// The algorithm of that name, to the letter (RFC 7515, section 4.1.1), if keys may have it here.
pub(super) fn algorithm(name: &str) -> Option<Algorithm> {
    ALGORITHMS.iter().find(|(known, _)| *known == name).map(|(_, algorithm)| *algorithm)
}

/// What looks like a token. Which key it is to be checked with is all that is taken from it.
#[derive(Debug)]
pub(super) struct Token<'a> {
    pub(super) text: &'a str,
    pub(super) algorithm: Algorithm,
    pub(super) kid: Option<String>,
}

impl<'a> Token<'a> {
    /// Looks at the shape and the header.
    ///
    /// The library ignores `crit`, which RFC 7515, section 4.1.11, forbids, and takes any `typ`, such as that of a
    /// session cookie which is signed with the same key; and of a member that stands twice it takes one.
    ///
    /// # Errors
    /// [`Refusal::InvalidToken`].
    pub(super) fn look_at(text: &'a str) -> Result<Self, Refusal> {
        if text.len() > LONGEST_TOKEN {
            return refuse("the token is longer than 16 KiB");
        }
        let (header, rest) = match *text.split('.').collect::<Vec<_>>() {
            [header, claims, signature] => (header, [claims, signature]),
            [one] if is_session_token(one) => return refuse(SESSION_TOKEN),
            [one, signature] if is_session_token(one) && !signature.is_empty() => {
                return refuse(SESSION_TOKEN);
            }
            [_, _, _, _, _] => {
                return refuse("an encrypted token (five parts) cannot be read here, send a signed one");
            }
            _ => return refuse("this is not a JWT (header.claims.signature)"),
        };
        let header = URL_SAFE_NO_PAD.decode(header).ok().and_then(|json| serde_json::from_slice(&json).ok());
        let Some(Object(header)) = header else {
            return refuse(
                "the header of the token is not base64url (unpadded) of a JSON object in which no member stands twice",
            );
        };

        refuse_other_kinds(&header)?;
        // Before anybody is asked for its key.
        if rest.iter().any(|part| part.is_empty() || URL_SAFE_NO_PAD.decode(part).is_err()) {
            return refuse(
                "the claims or the signature of the token are missing, or not base64url (unpadded)",
            );
        }
        Ok(Self { text, algorithm: algorithm_of(&header)?, kid: kid_of(&header)? })
    }
}

impl Token<'_> {
    /// Who issued the token by its own word, of which nothing is believed yet.
    pub(super) fn issuer(&self) -> Option<String> {
        let claims: Object = jsonwebtoken::dangerous::insecure_decode_claims(self.text).ok()?;
        claims.0.get("iss").and_then(Value::as_str).map(str::to_owned)
    }
}

fn refuse<T>(why: &'static str) -> Result<T, Refusal> {
    Err(Refusal::invalid_token(why))
}

const SESSION_TOKEN: &str = "this is a session token, not a JWT: get one from GET /api/auth/token of your Better Auth \
                             server (authClient.token(), jwt plugin) and send that";

/// Better Auth's session tokens are 32 letters and digits, alone or before a dot and a signature.
fn is_session_token(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// What is signed like an API token, perhaps with the same key, and is none.
fn refuse_other_kinds(header: &Map<String, Value>) -> Result<(), Refusal> {
    if header.contains_key("crit") {
        return refuse("the token has a crit header, which this server does not know");
    }
    if header.get("b64").is_some_and(|encoded| *encoded != Value::Bool(true)) {
        // RFC 7797, section 7
        return refuse("the claims of a token must be base64url (b64)");
    }
    if header.contains_key("enc") || header.contains_key("zip") {
        return refuse("the token says that it is encrypted or compressed (enc, zip), send a signed one");
    }
    match header.get("cty") {
        None => {}
        // RFC 7519, section 5.2
        Some(Value::String(cty)) if !is_jwt(cty) => {}
        Some(_) => return refuse("there is a token inside the token (cty), send the inner one"),
    }

    match header.get("typ") {
        None => Ok(()),
        Some(Value::String(typ)) if typ.eq_ignore_ascii_case("JWT") || typ.eq_ignore_ascii_case("at+jwt") => {
            Ok(())
        }
        Some(Value::String(typ)) if typ.eq_ignore_ascii_case("better-auth.session-cache+jwt") => {
            refuse(SESSION_COOKIE)
        }
        Some(_) => refuse("the token is of another type than JWT or at+jwt (typ)"),
    }
}

/// `application/` goes without saying (RFC 7515, section 4.1.10).
fn is_jwt(media_type: &str) -> bool {
    let short = media_type.split_at_checked(12).filter(|(all, _)| all.eq_ignore_ascii_case("application/"));
    short.map_or(media_type, |(_, short)| short).eq_ignore_ascii_case("JWT")
}

fn algorithm_of(header: &Map<String, Value>) -> Result<Algorithm, Refusal> {
    match header.get("alg").and_then(Value::as_str).and_then(algorithm) {
        Some(algorithm) => Ok(algorithm),
        None => refuse(
            "the token's algorithm (alg) is none that this server verifies: HS256, RS256, PS256, ES256, ES384, EdDSA",
        ),
    }
}

fn kid_of(header: &Map<String, Value>) -> Result<Option<String>, Refusal> {
    match header.get("kid") {
        None => Ok(None),
        Some(Value::String(kid)) => Ok(Some(kid.clone())),
        Some(_) => refuse("the name of the token's key is not a text (kid)"),
    }
}
