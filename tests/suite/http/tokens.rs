//! Tokens made by hand, valid and invalid ones.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderValue, Method};
use serde_json::{Value, json};

use crate::world::{Answer, Person, Request, SECRET, World, send};

/// What servers under test have as `BETTER_AUTH_SECRET_PREVIOUS`.
pub const PREVIOUS_SECRET: &str = "the secret before it, of more than thirty-two bytes";

/// Seconds since 1970.
pub fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

/// A token of these parts, signed with `secret` by HS256, even if its header names another algorithm.
pub fn signed(header: &Value, claims: &Value, secret: &str) -> String {
    let text = format!("{}.{}", part(header.to_string()), part(claims.to_string()));
    format!("{text}.{}", signature(&text, secret))
}

/// The HS256 signature of `header.claims`, encoded.
pub fn signature(text: &str, secret: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    URL_SAFE_NO_PAD.encode(hmac::sign(&key, text.as_bytes()))
}

/// One encoded part of a token.
pub fn part(text: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

/// JSON texts inside JSON texts, under a name that can make the parser parse the inner text, too, with a new depth limit.
/// Ten of them fit into a token and thirteen into a body: parsed, they are deeper than the stack.
pub fn texts_inside_texts(levels: usize) -> Value {
    let mut value = Value::Null;
    for _ in 0..levels {
        let text = (0..120).fold(value, |inside, _| json!([inside])).to_string();
        value = json!({ "$serde_json::private::RawValue": text });
    }
    value
}

/// A valid header.
pub fn header() -> Value {
    json!({ "alg": "HS256", "typ": "JWT" })
}

/// Valid claims of alice with some of them changed. Null removes a claim.
pub fn claims(changes: Value) -> Value {
    let mut claims = json!({ "sub": "alice", "iat": now(), "exp": now() + 3600 });
    for (name, value) in changes.as_object().expect("an object") {
        claims[name] = value.clone();
    }
    claims.as_object_mut().expect("an object").retain(|_, value| !value.is_null());
    claims
}

/// A token signed with the server's secret, with some claims changed.
pub fn token_with(changes: Value) -> String {
    signed(&header(), &claims(changes), SECRET)
}

/// A person with this token.
pub fn bearer(world: &World, token: &str) -> Person {
    Person::with_token(world.server.address, Some(token))
}

/// Sends `GET /api/tasks` with these Authorization headers.
pub async fn authorized(world: &World, values: &[&str]) -> Answer {
    send(world.server.address, authorized_request(world, values)).await
}

/// The same request, not yet sent.
pub fn authorized_request(world: &World, values: &[&str]) -> Request {
    let mut request = world.anonymous().request(Method::GET, "/api/tasks", "");
    for value in values {
        let value = HeaderValue::from_bytes(value.as_bytes()).expect("a header");
        request.headers_mut().append("authorization", value);
    }
    request
}

/// Checks that the answer refuses the token.
pub fn assert_invalid_token(answer: &Answer, label: &str) {
    if let Err(why) = check_invalid_token(answer) {
        panic!("{label}: {why}: {answer:?}");
    }
}

/// Checks that an answer is the one for an invalid token (RFC 6750, section 3). The error says what is wrong.
pub fn check_invalid_token(answer: &Answer) -> Result<(), String> {
    if answer.status() != 401 {
        return Err(format!("{} instead of 401", answer.status));
    }
    let challenge = answer.header("www-authenticate");
    let description = challenge
        .strip_prefix("Bearer error=\"invalid_token\", error_description=\"")
        .and_then(|rest| rest.strip_suffix('"'))
        .ok_or(format!("another challenge: {challenge}"))?;
    // The characters that RFC 6750, section 3, allows in a description.
    let plain = |byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\');
    if description.trim().is_empty() || !description.bytes().all(plain) {
        return Err(format!("a description with other characters: {description}"));
    }
    if !answer.detail().contains(description) {
        return Err(format!("header and body give different reasons: {description}"));
    }
    Ok(())
}
