//! Signed texts that are not API tokens, although the same secret or key signs them.
//!
//! Better Auth signs session cookies and the links of its e-mails with its secret. Other servers sign refresh tokens and the
//! links that reset a password. A client that gets hold of one of them must not be believed here.

use serde_json::{Map, Value};

use super::claims::SESSION_COOKIE;

/// Claims that a text for another purpose has, and an API token has not: `updateTo` and `requestType` of Better Auth's links,
/// `purpose` of many servers, `events` of security events and of logout tokens (RFC 8417), and `password_fgpt` of
/// fastapi-users.
const OTHER_CLAIMS: [&str; 5] = ["updateTo", "requestType", "purpose", "events", "password_fgpt"];

/// Claims that name the kind of a token, in the names of several libraries.
const KINDS: [&str; 4] = ["type", "token_type", "token_use", "typ"];

/// The values of [`KINDS`] that are not for an API, in lower case.
const OTHER_KINDS: [&str; 14] = [
    "refresh",
    "refresh_token",
    "reset",
    "reset_password",
    "password_reset",
    "verify",
    "verification",
    "verify_email",
    "email_verification",
    "magic_link",
    "invite",
    "invitation",
    "logout",
    "logout+jwt",
];

/// fastapi-users puts the purpose into the audience, and `:auth` is for an API.
const FASTAPI_USERS: (&str, &str) = ("fastapi-users:", "fastapi-users:auth");

const OTHER_PURPOSE: &str = "the token was made for another purpose than an API, such as a link in an e-mail or the refresh of a \
                             sign-in: get an API token from your sign-in and send that";

/// Why the claims are those of another kind of text; `None` if they can be those of an API token.
pub(super) fn other_purpose(claims: &Map<String, Value>) -> Option<&'static str> {
    let is_object = |name: &str| claims.get(name).is_some_and(Value::is_object);
    // Such a cookie names no issuer. A token of the jwt plugin does, and its payload can have the same two objects.
    if is_object("session") && is_object("user") && !claims.contains_key("iss") {
        return Some(SESSION_COOKIE);
    }
    let is_other_kind = |name: &&str| {
        let kind = claims.get(*name).and_then(Value::as_str).unwrap_or_default();
        OTHER_KINDS.contains(&kind.to_ascii_lowercase().replace('-', "_").as_str())
    };
    let is_other_audience = |audience: &Value| {
        audience.as_str().is_some_and(|text| text.starts_with(FASTAPI_USERS.0) && text != FASTAPI_USERS.1)
    };
    let is_for_others = match claims.get("aud") {
        Some(Value::Array(list)) => list.iter().any(is_other_audience),
        Some(audience) => is_other_audience(audience),
        None => false,
    };
    let is_other = is_for_others
        || OTHER_CLAIMS.iter().any(|name| claims.contains_key(*name))
        || KINDS.iter().any(is_other_kind);
    is_other.then_some(OTHER_PURPOSE)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn is_refused(claims: &Value) -> bool {
        other_purpose(claims.as_object().expect("an object")).is_some()
    }

    #[test]
    fn texts_for_another_purpose_are_known_by_their_claims() {
        for claims in [
            json!({ "email": "a@example.org", "updateTo": "b@example.org" }),
            json!({ "email": "a@example.org", "requestType": "change-email-verification", "userId": "1" }),
            json!({ "sub": "1", "purpose": "password-reset" }),
            json!({ "session": { "userId": "1" }, "user": { "id": "1" }, "updatedAt": 1, "version": "1" }),
            json!({ "sub": "1", "session": { "userId": "1" }, "user": { "id": "1" } }),
            json!({ "sub": "1", "type": "refresh" }),
            json!({ "sub": "1", "token_type": "Refresh" }),
            json!({ "sub": "1", "token_use": "refresh" }),
            json!({ "sub": "1", "type": "email-verification" }),
            json!({ "sub": "1", "aud": ["fastapi-users:reset"], "password_fgpt": "x" }),
            json!({ "sub": "1", "aud": ["fastapi-users:verify"], "email": "a@example.org" }),
            json!({ "sub": "1", "aud": "fastapi-users:oauth-state" }),
            json!({ "sub": "1", "events": { "http://schemas.openid.net/event/backchannel-logout": {} } }),
        ] {
            assert!(is_refused(&claims), "{claims}");
        }
    }

    /// As real front ends and the jwt plugin make them.
    #[test]
    fn api_tokens_are_not_taken_for_something_else() {
        for claims in [
            json!({ "sub": "1", "iat": 1, "exp": 2 }),
            json!({ "sub": "1", "email": "a@example.org", "name": "A", "iat": 1, "exp": 2 }),
            json!({ "sub": "1", "email": "a@example.org", "iss": "todo-app", "aud": "todo-api", "iat": 1, "exp": 2 }),
            json!({ "sub": "a@example.org", "user_id": "1", "exp": 2 }),
            json!({ "sub": "1", "type": "access", "exp": 2 }),
            json!({ "sub": "1", "token_type": "bearer", "exp": 2 }),
            json!({ "sub": "1", "type": "user", "user": { "id": "1" }, "exp": 2 }),
            json!({ "sub": "1", "aud": ["fastapi-users:auth"], "exp": 2 }),
            json!({ "sub": "1", "session": { "id": "s" }, "user": { "id": "1" }, "iss": "http://a", "aud": "http://a" }),
            json!({ "sub": "1", "id": "1", "emailVerified": false, "createdAt": "x", "updatedAt": "x", "iss": "http://a" }),
        ] {
            assert!(!is_refused(&claims), "{claims}");
        }
    }
}
