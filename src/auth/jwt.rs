//! The shape and the header of a token. Nothing here is verified: it says only which key to verify the token with.

use std::borrow::Cow;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::{Map, Value};

use super::claims::SESSION_COOKIE;
use crate::refusal::{Refusal, TokenProblem};

/// The longest token, in bytes. A longer one is refused unread. Better Auth puts the whole row of a user into a token.
const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// The algorithms that this server verifies, as a header names them.
const ALGORITHMS: [(&str, Algorithm); 6] = [
    ("HS256", Algorithm::HS256),
    ("RS256", Algorithm::RS256),
    ("PS256", Algorithm::PS256),
    ("ES256", Algorithm::ES256),
    ("ES384", Algorithm::ES384),
    ("EdDSA", Algorithm::EdDSA),
];

/// The algorithm with exactly this name (RFC 7515, section 4.1.1), if this server verifies it.
pub(super) fn algorithm(name: &str) -> Option<Algorithm> {
    ALGORITHMS.iter().find(|(known, _)| *known == name).map(|(_, algorithm)| *algorithm)
}

pub(super) const NOT_A_JWT: &str = "this is not a JWT: send a token of the form header.claims.signature";

/// A token whose signature and claims are not verified yet.
#[derive(Debug)]
pub(super) struct Jwt<'a> {
    pub(super) text: &'a str,
    pub(super) algorithm: Algorithm,
    pub(super) kid: Option<String>,
}

impl<'a> Jwt<'a> {
    /// Checks the shape and the header.
    ///
    /// The library does less. It ignores `crit`, which RFC 7515, section 4.1.11, forbids. It accepts any `typ`. If the header
    /// has a member twice, it uses one of the two.
    ///
    /// # Errors
    /// [`Refusal::InvalidToken`].
    pub(super) fn parse(text: &'a str) -> Result<Self, Refusal> {
        if text.len() > MAX_TOKEN_BYTES {
            return refuse(
                TokenProblem::TooLong,
                format!("the token is longer than {MAX_TOKEN_BYTES} bytes: put less into its claims"),
            );
        }
        if let Some(mistake) = mistake_of_page(text) {
            return refuse(TokenProblem::Placeholder, mistake);
        }
        let (header, rest) = match *text.split('.').collect::<Vec<_>>() {
            [header, claims, signature] => (header, [claims, signature]),
            [one] if is_session_token(one) => return refuse(TokenProblem::Session, SESSION_TOKEN),
            [one, signature] if is_session_token(one) && !signature.is_empty() => {
                return refuse(TokenProblem::Session, SESSION_TOKEN);
            }
            [_, _, _, _, _] => {
                return refuse(
                    TokenProblem::Unsupported,
                    "the token is encrypted (it has five parts): send one that is only signed",
                );
            }
            _ => return refuse(TokenProblem::Malformed, NOT_A_JWT),
        };
        let header = URL_SAFE_NO_PAD.decode(header).ok().and_then(|json| serde_json::from_slice(&json).ok());
        let Some(UniqueObject(header)) = header else {
            return refuse(
                TokenProblem::Malformed,
                "the header of the token must be a JSON object that has each member once, in base64url without padding",
            );
        };

        refuse_other_kinds(&header)?;
        // Checked now, so that a token without a signature cannot cause a key set to be read.
        if rest.iter().any(|part| part.is_empty() || URL_SAFE_NO_PAD.decode(part).is_err()) {
            return refuse(
                TokenProblem::Malformed,
                "the claims or the signature of the token are missing, or not in base64url without padding",
            );
        }
        Ok(Self { text, algorithm: algorithm_of(&header)?, kid: kid_of(&header)? })
    }

    /// The claim `iss`. It is not verified: the sender can write any issuer.
    ///
    /// # Errors
    /// [`Refusal::InvalidToken`] when the claims are not a JSON object, or the issuer is not a string.
    pub(super) fn unverified_issuer(&self) -> Result<Option<String>, Refusal> {
        let claims = jsonwebtoken::dangerous::insecure_decode_claims::<UniqueObject>(self.text);
        match claims.as_ref().map(|claims| claims.0.get("iss")) {
            Ok(None) => Ok(None),
            Ok(Some(Value::String(issuer))) => Ok(Some(issuer.clone())),
            Ok(Some(_)) => refuse(TokenProblem::Claims, "the claim iss of the token must be a string"),
            Err(_) => refuse(TokenProblem::Malformed, MALFORMED),
        }
    }
}

/// The refusal of a token whose header or claims cannot be read.
pub(super) const MALFORMED: &str = "the header and the claims of a token must be JSON objects that have each member once, \
                                    and each member must have its right type";

fn refuse<T>(problem: TokenProblem, why: impl Into<Cow<'static, str>>) -> Result<T, Refusal> {
    Err(Refusal::invalid_token(problem, why))
}

const SESSION_TOKEN: &str = "this is a session token, not a JWT: get a JWT from GET /api/auth/token of your Better Auth \
                             server (authClient.token(), jwt plugin) and send that";

/// What a page has sent in the place of a token, if it is one of the common mistakes.
fn mistake_of_page(text: &str) -> Option<&'static str> {
    let first_word = text.split(' ').next().unwrap_or_default();
    match text {
        "" | "undefined" | "null" | "None" | "NaN" | "true" | "false" => Some(
            "the page had no token when it sent this: wait until it has one, and read the member token of the answer",
        ),
        _ if text.starts_with("[object ") => Some(
            "this is the name of a JavaScript object, not a token: await the answer, and send its member token",
        ),
        _ if text.starts_with('{') => Some("this is a JSON object, not a token: send only its member token"),
        _ if text.starts_with(['"', '\'']) => Some("the token is in quotes: send it without them"),
        _ if first_word.eq_ignore_ascii_case("bearer") => {
            Some("the header says Bearer twice: write it once before the token")
        }
        _ => None,
    }
}

/// Better Auth's session tokens are 32 letters and digits. In its cookie a dot and a signature follow.
fn is_session_token(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Refuses signed texts that are not API tokens. They can be signed with the same key.
fn refuse_other_kinds(header: &Map<String, Value>) -> Result<(), Refusal> {
    if header.contains_key("crit") {
        return refuse(
            TokenProblem::Unsupported,
            "the header of the token has crit: this server supports no critical extensions",
        );
    }
    // RFC 7797, section 7
    if header.get("b64").is_some_and(|encoded| *encoded != Value::Bool(true)) {
        return refuse(
            TokenProblem::Unsupported,
            "the header of the token says that its claims are not in base64url (b64): encode them",
        );
    }
    if header.contains_key("enc") || header.contains_key("zip") {
        return refuse(
            TokenProblem::Unsupported,
            "the header of the token says that it is encrypted or compressed (enc, zip): send one that is only signed",
        );
    }
    // RFC 7519, section 5.2
    match header.get("cty") {
        None => {}
        Some(Value::String(cty)) if !is_jwt(cty) => {}
        Some(_) => {
            return refuse(
                TokenProblem::Unsupported,
                "the token holds another token (cty): send the inner one",
            );
        }
    }

    match header.get("typ") {
        None => Ok(()),
        Some(Value::String(typ)) if typ.eq_ignore_ascii_case("JWT") || typ.eq_ignore_ascii_case("at+jwt") => {
            Ok(())
        }
        Some(Value::String(typ)) if typ.eq_ignore_ascii_case("better-auth.session-cache+jwt") => {
            refuse(TokenProblem::Session, SESSION_COOKIE)
        }
        Some(_) => refuse(
            TokenProblem::Unsupported,
            "the type of the token (typ) must be JWT or at+jwt, or not be there",
        ),
    }
}

/// Whether a media type is that of a JWT. A type may omit `application/` (RFC 7515, section 4.1.10).
fn is_jwt(media_type: &str) -> bool {
    const PREFIX: &str = "application/";

    let split = media_type.split_at_checked(PREFIX.len());
    let short = split.filter(|(prefix, _)| prefix.eq_ignore_ascii_case(PREFIX));
    short.map_or(media_type, |(_, short)| short).eq_ignore_ascii_case("JWT")
}

fn algorithm_of(header: &Map<String, Value>) -> Result<Algorithm, Refusal> {
    match header.get("alg").and_then(Value::as_str).and_then(algorithm) {
        Some(algorithm) => Ok(algorithm),
        None => refuse(
            TokenProblem::Algorithm,
            format!(
                "this server does not verify the algorithm of the token (alg): sign it with one of {}",
                ALGORITHMS.map(|(name, _)| name).join(", ")
            ),
        ),
    }
}

fn kid_of(header: &Map<String, Value>) -> Result<Option<String>, Refusal> {
    match header.get("kid") {
        None => Ok(None),
        Some(Value::String(kid)) => Ok(Some(kid.clone())),
        Some(_) => refuse(TokenProblem::Malformed, "the key id of the token (kid) must be a string"),
    }
}

/// The members of a JSON object. An object that has a member twice does not parse.
///
/// Two readers of such an object could see two users or two algorithms. RFC 7515, section 4, and RFC 7519, section 4, let
/// a reader refuse it.
#[derive(Debug, Default)]
pub(super) struct UniqueObject(pub(super) Map<String, Value>);

impl<'de> Deserialize<'de> for UniqueObject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(UniqueObjectVisitor)
    }
}

struct UniqueObjectVisitor;

impl<'de> Visitor<'de> for UniqueObjectVisitor {
    type Value = UniqueObject;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object that has each member once")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<UniqueObject, A::Error> {
        let mut object = Map::new();
        while let Some((name, value)) = members.next_entry()? {
            if object.insert(name, value).is_some() {
                return Err(A::Error::custom("a member is there twice"));
            }
        }
        Ok(UniqueObject(object))
    }
}

#[cfg(test)]
mod tests {
    use super::UniqueObject;

    #[test]
    fn an_object_that_has_a_member_twice_does_not_parse() {
        for (text, parses) in [
            (r#"{"sub":"alice","aud":["a","a"]}"#, true),
            ("{}", true),
            (r#"{"sub":"alice","sub":"bob"}"#, false),
            (r#"{"sub":"alice","sub":"alice"}"#, false),
            (r#"{"sub":"alice","s\u0075b":"bob"}"#, false),
            (r#"["sub"]"#, false),
            (r#""sub""#, false),
            ("null", false),
            (r#"{"sub":"alice"} "#, true),
            (r#"{"sub":"alice"}x"#, false),
        ] {
            assert_eq!(serde_json::from_str::<UniqueObject>(text).is_ok(), parses, "{text}");
        }
    }
}
