//! URLs of servers that publish keys.

use url::Url;

use super::parse::Problems;
use crate::auth::{BETTER_AUTH_PATH, JwksLocation};

impl Problems {
    /// The URL of a server; none if the text is empty.
    pub(super) fn url(&mut self, name: &str, text: &str) -> Option<Url> {
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
pub(super) fn jwks_location(url: &Url) -> JwksLocation {
    let base = url.path().trim_end_matches('/');
    let paths = if base.is_empty() {
        vec![format!("{BETTER_AUTH_PATH}/jwks")]
    } else if base.ends_with(BETTER_AUTH_PATH) {
        vec![format!("{base}/jwks")]
    } else {
        vec![format!("{base}/jwks"), format!("{base}{BETTER_AUTH_PATH}/jwks")]
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
pub(super) fn issuer_names(url: &Url, text: &str) -> Vec<String> {
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
}
