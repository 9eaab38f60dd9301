//! The settings about tokens: which keys verify them, and what they must claim.

use std::time::Duration;

use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::Value;
use url::Url;

use super::parse::{Problems, list, or_default};
use super::{Command, Settings};
use crate::auth::{JwksLocation, KeySetConfig, LEEWAY, TokenRules};

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

/// The default path of Better Auth below its origin.
const BASE_PATH: &str = "/api/auth";

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
        let (issuers, audiences) = (list(&self.jwt_issuer), list(&self.jwt_audience));
        let secrets = self.secrets(problems, development);
        let mut key_sets = Vec::new();
        let mut add = |setting, location, issuers, audiences| {
            key_sets.push(KeySetConfig { setting, location, issuers, audiences, read_timeout });
        };

        if let Some(url) = problems.url("BETTER_AUTH_URL", &self.better_auth_url) {
            if url.query().is_some() || url.fragment().is_some() {
                problems.add(
                    "BETTER_AUTH_URL must have no query and no fragment: it is the issuer that tokens name",
                );
            }
            // JWT_ISSUER and JWT_AUDIENCE hold for every token; these defaults hold for tokens of this key set.
            let names = issuer_names(&url, self.better_auth_url.trim());
            let or_names = |set: &[String]| if set.is_empty() { names.clone() } else { set.to_vec() };
            add("BETTER_AUTH_URL", jwks_location(&url), or_names(&issuers), or_names(&audiences));
        }
        if let Some(url) = problems.url("JWKS_URL", &self.jwks_url) {
            add("JWKS_URL", JwksLocation::Urls(vec![url]), issuers.clone(), audiences.clone());
        }
        if !self.jwks_file.trim().is_empty() {
            let path = self.jwks_file.trim().into();
            add("JWKS_FILE", JwksLocation::File(path), issuers.clone(), audiences.clone());
        }
        let needs_key = *command == Command::Serve && !development;
        if needs_key && !self.has_secret() && key_sets.is_empty() {
            problems.add(
                "BETTER_AUTH_SECRET is missing, and BETTER_AUTH_URL, JWKS_URL and JWKS_FILE are missing, too: set one of them, \
                 or the server cannot verify any token",
            );
        }

        TokenRules {
            secrets,
            key_sets,
            issuers,
            audiences,
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
    fn has_secret(&self) -> bool {
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

impl Problems {
    fn url(&mut self, name: &str, text: &str) -> Option<Url> {
        let text = text.trim();
        if text.is_empty() {
            return None;
        }
        self.value(name, url(text).map(Some))
    }
}

fn url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text)
        .map_err(|error| format!("it is not a URL like https://auth.example.com: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err("it is not a URL like https://auth.example.com".into());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("it holds a user or a password: remove them, because a key set is public".into());
    }
    Ok(url)
}

/// Where a Better Auth server publishes its keys.
///
/// A path in its URL is either the path of Better Auth itself, or the path of a proxy that removes it. Better Auth reads the
/// same variable as its own path.
fn jwks_location(url: &Url) -> JwksLocation {
    let base = url.path().trim_end_matches('/');
    let paths = if base.is_empty() {
        vec![format!("{BASE_PATH}/jwks")]
    } else if base.ends_with(BASE_PATH) {
        vec![format!("{base}/jwks")]
    } else {
        vec![format!("{base}/jwks"), format!("{base}{BASE_PATH}/jwks")]
    };
    let at = |path: String| {
        let mut url = url.clone();
        url.set_path(&path);
        url
    };
    JwksLocation::Urls(paths.into_iter().map(at).collect())
}

/// The names that a Better Auth server with that URL can use in `iss` and `aud`. By default it uses its origin, without any
/// path or slash. Its configuration can name the URL as it is written here instead.
fn issuer_names(url: &Url, text: &str) -> Vec<String> {
    let mut issuers = vec![url.origin().ascii_serialization()];
    for other in [text.trim_end_matches('/'), text] {
        if !issuers.iter().any(|known| known == other) {
            issuers.push(other.to_owned());
        }
    }
    issuers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_better_auth_server_is_found_however_its_url_is_written() {
        for (text, urls, first) in [
            ("http://127.0.0.1:3000", vec!["http://127.0.0.1:3000/api/auth/jwks"], "http://127.0.0.1:3000"),
            ("http://127.0.0.1:3000/", vec!["http://127.0.0.1:3000/api/auth/jwks"], "http://127.0.0.1:3000"),
            (
                "HTTPS://Auth.Example.com:443",
                vec!["https://auth.example.com/api/auth/jwks"],
                "https://auth.example.com",
            ),
            ("https://a.example/api/auth", vec!["https://a.example/api/auth/jwks"], "https://a.example"),
            ("https://a.example/api/auth/", vec!["https://a.example/api/auth/jwks"], "https://a.example"),
            (
                "https://a.example/app/api/auth",
                vec!["https://a.example/app/api/auth/jwks"],
                "https://a.example",
            ),
            (
                "https://a.example/app",
                vec!["https://a.example/app/jwks", "https://a.example/app/api/auth/jwks"],
                "https://a.example",
            ),
        ] {
            let parsed = url(text).expect(text);

            let urls = urls.into_iter().map(|url| Url::parse(url).expect("a URL")).collect();
            assert_eq!(jwks_location(&parsed), JwksLocation::Urls(urls), "{text}");
            assert_eq!(issuer_names(&parsed, text).first().map(String::as_str), Some(first), "{text}");
        }
        let slash = "https://a.example/app/";
        let issuers = issuer_names(&url(slash).expect("a URL"), slash);
        assert_eq!(issuers, ["https://a.example", "https://a.example/app", slash]);
    }

    #[test]
    fn a_text_that_is_not_the_url_of_a_server_is_refused() {
        for text in
            ["auth.example.com", "localhost:3000", "ftp://a.example", "file:///keys", "https://", "/api/auth"]
        {
            assert!(url(text).is_err(), "{text}");
        }
        let secret = url("https://user:hush@a.example").expect_err("a password");
        assert!(!secret.contains("hush"), "{secret}");
    }

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
