//! The settings about tokens: which secrets verify them, and what they must claim.

use std::time::Duration;

use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::Value;

use super::parse::{Problems, or_default};
use super::{Command, Settings};
use crate::auth::{LEEWAY, TokenRules};

/// Parts of secrets in examples, in lower case. Anyone can read the examples, and then sign tokens for any user.
const PLACEHOLDERS: [&str; 9] = [
    "better-auth-secret",
    "change-me",
    "change_me",
    "changeme",
    "your-secret",
    "your_secret",
    "replace-me",
    "placeholder",
    "example",
];

/// The shortest secret for HS256, in bytes (RFC 7518, section 3.2).
const MIN_SECRET_BYTES: usize = 32;

impl Settings {
    /// The token rules. `read_timeout` is how long one read of a key set may take. Only `serve` verifies tokens, and so
    /// needs a key.
    pub(super) fn token_rules(
        &self,
        problems: &mut Problems,
        command: &Command,
        development: bool,
        read_timeout: Duration,
    ) -> TokenRules {
        let secrets = self.secrets(problems, development);
        let sources = self.token_sources(problems, development, secrets, read_timeout);
        if *command == Command::Serve && self.configured_sources(development).is_empty() {
            problems.add(
                "BETTER_AUTH_SECRET is missing, and BETTER_AUTH_URL, JWKS_URL and JWKS_FILE are missing, too: set one of them, \
                 or the server cannot verify any token",
            );
        }

        TokenRules {
            sources,
            user_claim: or_default(&self.jwt_user_claim, super::default::JWT_USER_CLAIM).to_owned(),
            max_lifetime: problems.number(
                "JWT_MAX_LIFETIME",
                &self.jwt_max_lifetime,
                super::default::JWT_MAX_LIFETIME,
                1..=u64::from(u32::MAX),
            ),
            not_before: problems.value("JWT_NOT_BEFORE", not_before(&self.jwt_not_before)),
        }
    }

    /// Whether a secret is set. A file that cannot be read is a problem of its own.
    pub(super) fn has_secret(&self) -> bool {
        !self.better_auth_secret.is_empty() || !self.better_auth_secret_file.trim().is_empty()
    }

    fn secrets(&self, problems: &mut Problems, accepts_weak: bool) -> Vec<SecretString> {
        let secrets = [
            ("BETTER_AUTH_SECRET", &self.better_auth_secret),
            ("BETTER_AUTH_SECRET_PREVIOUS", &self.better_auth_secret_previous),
        ];
        let mut accepted = Vec::new();
        for (name, secret) in secrets.into_iter().filter(|(_, secret)| !secret.is_empty()) {
            if is_public_key(secret) {
                problems.add(format!(
                    "{name} is a key in PEM or JWK form, not a secret: anyone with the public key could sign with it; \
                     put public keys into JWKS_FILE"
                ));
            } else if !accepts_weak {
                refuse_weak(problems, name, secret);
            }
            accepted.push(secret.as_str().into());
        }
        if !self.has_secret() && !accepted.is_empty() {
            problems.add("BETTER_AUTH_SECRET_PREVIOUS is set and BETTER_AUTH_SECRET is not: set it, too");
        }
        accepted
    }
}

/// The moment before which no token may have been issued; `None` if the text is empty.
fn not_before(text: &str) -> Result<Option<Timestamp>, String> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let seconds = text.parse().ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    let moment = seconds.or_else(|| text.parse().ok()).ok_or_else(|| {
        format!("{text:?} is not a moment like 2026-01-10T09:30:00Z, nor a number of seconds since 1970")
    })?;
    let latest = Timestamp::now().as_second().saturating_add(LEEWAY.cast_signed());
    if moment.as_second() > latest {
        return Err(format!(
            "{text} is in the future, so that every token would be refused; it counts seconds, not milliseconds"
        ));
    }
    Ok(Some(moment))
}

fn refuse_weak(problems: &mut Problems, name: &str, secret: &str) {
    let lower = secret.to_lowercase();
    if secret.trim().len() < MIN_SECRET_BYTES {
        problems.add(format!(
            "{name} has {} bytes; it must have {MIN_SECRET_BYTES} or more: make one with openssl rand -base64 32",
            secret.trim().len()
        ));
    } else if PLACEHOLDERS.iter().any(|known| lower.contains(known)) {
        problems.add(format!(
            "{name} is a placeholder from an example: make a secret with openssl rand -base64 32"
        ));
    }
}

/// Whether a secret is the text of a key or of a certificate. With a public key as the secret of HS256, anyone could
/// sign tokens (RFC 8725, section 2.1).
fn is_public_key(secret: &str) -> bool {
    let is_jwk = |value: &Value| value.get("kty").is_some() || value.get("keys").is_some();
    let is_json = serde_json::from_str(secret).is_ok_and(|value: Value| match &value {
        Value::Array(list) => list.iter().any(is_jwk),
        value => is_jwk(value),
    });
    is_json || secret.contains("-----BEGIN") || secret.starts_with("ssh-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_moment_of_a_leak_is_a_time_or_a_number_of_seconds() {
        let moment: Timestamp = "2026-01-10T09:30:00Z".parse().expect("a moment");
        for text in
            ["2026-01-10T09:30:00Z", "2026-01-10T10:30:00+01:00", " 1768037400 ", "2026-01-10 09:30:00.000Z"]
        {
            assert_eq!(not_before(text), Ok(Some(moment)), "{text}");
        }
        assert_eq!(not_before(" "), Ok(None));
        for text in
            ["2026-01-10", "2026-01-10T09:30:00", "yesterday", "1768037400000", "2999-01-01T00:00:00Z", "1e9"]
        {
            assert!(not_before(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_public_key_is_not_accepted_as_a_secret() {
        for (text, is_public) in [
            ("-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----", true),
            (r#"{"kty":"EC","crv":"P-256"}"#, true),
            (r#"{"keys":[]}"#, true),
            (r#"[{"kty":"EC","crv":"P-256"}]"#, true),
            ("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI", true),
            ("q8Vb3wBTl6XkCYLGm1mJcFbS0xgNq2Zr", false),
            ("{\"odd\": \"but a secret of thirty-two\"}", false),
            ("12345678901234567890123456789012", false),
        ] {
            assert_eq!(is_public_key(text), is_public, "{text}");
        }
    }
}
