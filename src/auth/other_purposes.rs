//! Texts that are signed with a secret and are not API tokens.
//!
//! Better Auth signs session cookies and the links of its e-mails with its secret. Other servers sign refresh tokens and the
//! links that reset a password. A client that gets hold of one of them must not be believed here. The keys of a key set need
//! no such rules: issuer, audience and type say whom a token is for, and its other claims can be any columns of a user.

use serde_json::{Map, Value};

use super::claims::SESSION_COOKIE;

/// Claims that a text for another purpose has, and an API token has not: `updateTo` and `requestType` of Better Auth's links,
/// `purpose` of many servers, `events` of security events and of logout tokens (RFC 8417), and `password_fgpt` of
/// fastapi-users.
const OTHER_CLAIMS: [&str; 5] = ["updateTo", "requestType", "purpose", "events", "password_fgpt"];

/// Claims that name the kind of a token, in the names of several libraries. They are compared as [`letters`].
const KINDS: [&str; 9] = ["type", "tokentype", "tokenuse", "typ", "use", "kind", "action", "scope", "aud"];

/// The values of [`KINDS`] that are not for an API, as [`letters`].
const OTHER_KINDS: [&str; 32] = [
    "refresh",
    "refreshtoken",
    "reset",
    "resettoken",
    "resetpassword",
    "passwordreset",
    "passwordresettoken",
    "forgotpassword",
    "recovery",
    "verify",
    "verification",
    "verificationtoken",
    "verifyemail",
    "emailverify",
    "emailverification",
    "confirm",
    "confirmation",
    "confirmemail",
    "emailconfirmation",
    "activation",
    "changeemail",
    "emailchange",
    "deleteaccount",
    "magiclink",
    "invite",
    "invitation",
    "mfa",
    "id",
    "idtoken",
    "offline",
    "logout",
    "logoutjwt",
];

/// fastapi-users puts the purpose into the audience, and `:auth` is for an API.
const FASTAPI_USERS: (&str, &str) = ("fastapi-users:", "fastapi-users:auth");

const OTHER_PURPOSE: &str = "the token was made for another purpose than an API, such as a link in an e-mail or the refresh of a \
                             sign-in: get an API token from your sign-in and send that";

/// Why the claims are those of another kind of text; `None` if they can be those of an API token.
pub(super) fn other_purpose(claims: &Map<String, Value>) -> Option<&'static str> {
    let is_object = |name: &str| claims.get(name).is_some_and(Value::is_object);
    // A token made by hand can hold the same two objects. The cookie has no subject.
    if is_object("session") && is_object("user") && !claims.contains_key("sub") {
        return Some(SESSION_COOKIE);
    }
    let is_other = claims.iter().any(|(name, value)| match value {
        _ if OTHER_CLAIMS.contains(&&**name) => says_something(value),
        _ if KINDS.contains(&&*letters(name)) => match value {
            Value::Array(list) => list.iter().any(is_other_kind),
            value => is_other_kind(value),
        },
        _ => false,
    });
    is_other.then_some(OTHER_PURPOSE)
}

fn is_other_kind(value: &Value) -> bool {
    let Some(text) = value.as_str() else { return false };
    OTHER_KINDS.contains(&&*letters(text)) || text.starts_with(FASTAPI_USERS.0) && text != FASTAPI_USERS.1
}

/// A name without what differs between its spellings: `Refresh-Token`, `refresh_token` and `refreshToken` are one.
fn letters(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect()
}

/// Whether a claim is more than an empty column.
fn says_something(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(list) => !list.is_empty(),
        _ => true,
    }
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
            json!({ "sub": "1", "type": "refresh" }),
            json!({ "sub": "1", "type": "refreshToken" }),
            json!({ "sub": "1", "type": " refresh" }),
            json!({ "sub": "1", "type": ["refresh"] }),
            json!({ "sub": "1", "tokenType": "refresh" }),
            json!({ "sub": "1", "token_type": "Refresh" }),
            json!({ "sub": "1", "token_use": "refresh" }),
            json!({ "sub": "1", "token_use": "id" }),
            json!({ "sub": "1", "typ": "ID" }),
            json!({ "sub": "1", "scope": "refresh_token" }),
            json!({ "sub": "1", "kind": "refresh" }),
            json!({ "sub": "1", "type": "email-verification" }),
            json!({ "sub": "1", "type": "verifyEmail" }),
            json!({ "sub": "1", "type": "password-reset-token" }),
            json!({ "sub": "1", "type": "forgot_password" }),
            json!({ "sub": "1", "action": "reset_password" }),
            json!({ "sub": "1", "aud": "password-reset" }),
            json!({ "sub": "1", "type": "delete-account" }),
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
            json!({ "sub": "1", "session": { "id": "s" }, "user": { "id": "1" } }),
            json!({ "sub": "1", "purpose": "", "events": [], "requestType": null }),
            json!({ "sub": "1", "scope": "read write", "kind": "user", "action": 5, "aud": "todo-api" }),
            json!({ "sub": "1", "id": "1", "emailVerified": false, "createdAt": "x", "updatedAt": "x", "iss": "http://a" }),
        ] {
            assert!(!is_refused(&claims), "{claims}");
        }
    }
}
