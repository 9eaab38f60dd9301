//! Tokens made by hand, as no honest issuer makes them.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderValue, Method};
use serde_json::{Value, json};

use crate::world::{Answer, Person, SECRET, World, send};

/// Seconds since 1970.
pub fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

/// A token of these parts, signed with `secret` by HS256 whatever its header says.
pub fn signed(header: &Value, claims: &Value, secret: &str) -> String {
    let text = format!("{}.{}", part(header.to_string()), part(claims.to_string()));
    format!("{text}.{}", signature(&text, secret))
}

/// What HS256 makes of `header.claims`.
pub fn signature(text: &str, secret: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    URL_SAFE_NO_PAD.encode(hmac::sign(&key, text.as_bytes()))
}

/// One part of a token.
pub fn part(text: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

/// JSON texts inside JSON texts, under the name by which a parser can be made to parse those as well, each with a new
/// limit to its depth. Ten of them fit into a token and thirteen into a body: deeper than a stack.
pub fn texts_inside_texts(levels: usize) -> Value {
    let mut value = Value::Null;
    for _ in 0..levels {
        let text = (0..120).fold(value, |inside, _| json!([inside])).to_string();
        value = json!({ "$serde_json::private::RawValue": text });
    }
    value
}

/// What an honest header says.
pub fn header() -> Value {
    json!({ "alg": "HS256", "typ": "JWT" })
}

/// What honest claims say of alice, with some of them changed; null takes one away.
pub fn claims(changes: Value) -> Value {
    let mut claims = json!({ "sub": "alice", "iat": now(), "exp": now() + 3600 });
    for (name, value) in changes.as_object().expect("an object") {
        claims[name] = value.clone();
    }
    claims.as_object_mut().expect("an object").retain(|_, value| !value.is_null());
    claims
}

/// A token of the server's secret with some claims changed.
pub fn token_with(changes: Value) -> String {
    signed(&header(), &claims(changes), SECRET)
}

/// Somebody with this token.
pub fn bearer(world: &World, token: &str) -> Person {
    Person::with_token(world.server.address, Some(token))
}

/// Sends `GET /api/tasks` with these Authorization headers.
pub async fn authorized(world: &World, values: &[&str]) -> Answer {
    let mut request = world.stranger().request(Method::GET, "/api/tasks", "");
    for value in values {
        let value = HeaderValue::from_bytes(value.as_bytes()).expect("a header");
        request.headers_mut().append("authorization", value);
    }
    send(world.server.address, request).await
}

/// Expects the answer to a token that is not believed.
pub fn assert_not_believed(answer: &Answer, label: &str) {
    if let Err(why) = not_believed(answer) {
        panic!("{label}: {why}: {answer:?}");
    }
}

/// What an answer lacks to be the one to a token that is not believed (RFC 6750, section 3).
pub fn not_believed(answer: &Answer) -> Result<(), String> {
    if answer.status() != 401 {
        return Err(format!("{} instead of 401", answer.status));
    }
    let challenge = answer.header("www-authenticate");
    let description = challenge
        .strip_prefix("Bearer error=\"invalid_token\", error_description=\"")
        .and_then(|rest| rest.strip_suffix('"'))
        .ok_or(format!("another challenge: {challenge}"))?;
    // What section 3 of RFC 6750 lets a description hold.
    let plain = |byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\');
    if description.trim().is_empty() || !description.bytes().all(plain) {
        return Err(format!("an odd description: {description}"));
    }
    if !answer.detail().contains(description) {
        return Err(format!("header and body give different reasons: {description}"));
    }
    Ok(())
}
