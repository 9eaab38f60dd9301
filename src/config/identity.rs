//! Which keys tokens are verified with, and what those must say.

use std::time::Duration;

use serde_json::Value;
use url::Url;

use super::Settings;
use super::parse::{Problems, list, or_default};
use crate::auth::{Demands, KeySet, Place};

/// Texts that stand in examples, in lower case. Whoever knows the secret is whoever they want to be.
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

/// What a secret for HS256 must have at least, in bytes (RFC 7518, section 3.2).
const SHORTEST_SECRET: usize = 32;

/// Where Better Auth serves itself below its origin, if nobody says otherwise.
const BASE_PATH: &str = "/api/auth";

impl Settings {
    /// Everything about tokens. `patience` is how long reading a key set may take.
    pub(super) fn demands(&self, wrong: &mut Problems, development: bool, patience: Duration) -> Demands {
        let (issuers, audiences) = (list(&self.jwt_issuer), list(&self.jwt_audience));
        let secrets = self.secrets(wrong, development);
        let mut key_sets = Vec::new();
        let mut add = |name, place, issuers, audiences| {
            key_sets.push(KeySet { name, place, issuers, audiences, patience });
        };

        if let Some(url) = wrong.url("BETTER_AUTH_URL", &self.better_auth_url) {
            if url.query().is_some() || url.fragment().is_some() {
                wrong.add("BETTER_AUTH_URL must end with its path: it is what tokens call their issuer");
            }
            // What is said holds for every token; what follows from the URL, for the tokens of its keys.
            let follows = issuers_of(&url, self.better_auth_url.trim());
            let or_follows = |said: &[String]| if said.is_empty() { follows.clone() } else { said.to_vec() };
            add("BETTER_AUTH_URL", key_set_of(&url), or_follows(&issuers), or_follows(&audiences));
        }
        if let Some(url) = wrong.url("JWKS_URL", &self.jwks_url) {
            add("JWKS_URL", Place::Urls(vec![url]), issuers.clone(), audiences.clone());
        }
        if !self.jwks_file.trim().is_empty() {
            let path = self.jwks_file.trim().into();
            add("JWKS_FILE", Place::File(path), issuers.clone(), audiences.clone());
        }
        if !development && self.better_auth_secret.is_empty() && key_sets.is_empty() {
            wrong.add(
                "BETTER_AUTH_SECRET is missing, and BETTER_AUTH_URL (or JWKS_URL, JWKS_FILE) as well: \
                 no token could be verified",
            );
        }

        Demands {
            secrets,
            key_sets,
            issuers,
            audiences,
            user_claim: or_default(&self.jwt_user_claim, super::default::JWT_USER_CLAIM).to_owned(),
            max_lifetime: wrong.number(
                "JWT_MAX_LIFETIME",
                &self.jwt_max_lifetime,
                super::default::JWT_MAX_LIFETIME,
                1..=u64::from(u32::MAX),
            ),
        }
    }

    fn secrets(&self, wrong: &mut Problems, development: bool) -> Vec<String> {
        let secrets = [
            ("BETTER_AUTH_SECRET", &self.better_auth_secret),
            ("BETTER_AUTH_SECRET_PREVIOUS", &self.better_auth_secret_previous),
        ];
        let given = secrets.into_iter().filter(|(_, secret)| !secret.is_empty());
        let mut taken = Vec::new();
        for (name, secret) in given {
            if is_public(secret) {
                wrong.add(format!(
                    "{name} is a key in PEM or JWK form, not a secret: whoever has the public key could sign with it; \
                     public keys belong into JWKS_FILE"
                ));
            } else if !development {
                refuse_weak(wrong, name, secret);
            }
            taken.push(secret.clone());
        }
        if self.better_auth_secret.is_empty() && !taken.is_empty() {
            wrong.add("BETTER_AUTH_SECRET_PREVIOUS is set, and BETTER_AUTH_SECRET is not");
        }
        taken
    }
}

fn refuse_weak(wrong: &mut Problems, name: &str, secret: &str) {
    let lower = secret.to_lowercase();
    if secret.trim().len() < SHORTEST_SECRET {
        wrong.add(format!(
            "{name} has {} bytes; it must have {SHORTEST_SECRET} or more: openssl rand -base64 32",
            secret.trim().len()
        ));
    } else if PLACEHOLDERS.iter().any(|known| lower.contains(known)) {
        wrong
            .add(format!("{name} is a placeholder that others know, too: make one: openssl rand -base64 32"));
    }
}

/// Whether a secret is the text of a key or a certificate, which is no secret.
fn is_public(secret: &str) -> bool {
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
    let url =
        Url::parse(text).map_err(|error| format!("not a URL like https://auth.example.com: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err("not a URL like https://auth.example.com".into());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not hold a user or a password: a key set is public".into());
    }
    Ok(url)
}

/// Where a Better Auth server publishes its keys. A path in its URL is the one that it serves itself at, as Better Auth
/// reads the variable, too; or it stands behind a proxy that takes that path away.
fn key_set_of(url: &Url) -> Place {
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
    Place::Urls(paths.into_iter().map(at).collect())
}

/// What a Better Auth server of that URL calls itself in `iss` and `aud`: the origin, whatever path or slash follows it.
/// One that was told its name can have been told the URL as it stands.
fn issuers_of(url: &Url, text: &str) -> Vec<String> {
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
            assert_eq!(key_set_of(&parsed), Place::Urls(urls), "{text}");
            assert_eq!(issuers_of(&parsed, text).first().map(String::as_str), Some(first), "{text}");
        }
        let slash = "https://a.example/app/";
        let issuers = issuers_of(&url(slash).expect("a URL"), slash);
        assert_eq!(issuers, ["https://a.example", "https://a.example/app", slash]);
    }

    #[test]
    fn what_is_no_url_of_a_server_is_refused() {
        for text in
            ["auth.example.com", "localhost:3000", "ftp://a.example", "file:///keys", "https://", "/api/auth"]
        {
            assert!(url(text).is_err(), "{text}");
        }
        let secret = url("https://user:hush@a.example").expect_err("a password");
        assert!(!secret.contains("hush"), "{secret}");
    }

    #[test]
    fn a_public_key_is_no_secret() {
        for (text, public) in [
            ("-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----", true),
            (r#"{"kty":"EC","crv":"P-256"}"#, true),
            (r#"{"keys":[]}"#, true),
            (r#"[{"kty":"EC","crv":"P-256"}]"#, true),
            ("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI", true),
            ("q8Vb3wBTl6XkCYLGm1mJcFbS0xgNq2Zr", false),
            ("{\"odd\": \"but a secret of thirty-two\"}", false),
            ("12345678901234567890123456789012", false),
        ] {
            assert_eq!(is_public(text), public, "{text}");
        }
    }
}
