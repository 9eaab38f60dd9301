//! When two texts name the same issuer.

use url::Url;

/// The default path of Better Auth below its origin.
pub const BETTER_AUTH_PATH: &str = "/api/auth";

/// An issuer in one spelling, so that two spellings of one URL can be compared: without the default port, the slash at the
/// end and the path of Better Auth, and with the host in lower case.
///
/// It only decides whose a token is. What a token says is compared letter by letter (RFC 7519, section 4.1.1).
pub fn canonical_issuer(text: &str) -> String {
    let Some(mut url) = Url::parse(text.trim()).ok().filter(Url::has_host) else { return text.to_owned() };
    let path = url.path().trim_end_matches('/');
    let path = path.strip_suffix(BETTER_AUTH_PATH).unwrap_or(path).to_owned();
    url.set_path(&path);
    url.as_str().trim_end_matches('/').to_owned()
}

#[cfg(test)]
mod tests {
    use super::canonical_issuer;

    #[test]
    fn spellings_of_one_url_are_one_issuer_and_other_urls_are_others() {
        let spellings = [
            "https://auth.example.com",
            "https://auth.example.com/",
            "https://auth.example.com:443",
            "HTTPS://Auth.Example.com//",
            "https://auth.example.com/api/auth",
            "https://auth.example.com:443/api/auth/",
        ];
        for text in spellings {
            assert_eq!(canonical_issuer(text), spellings[0], "{text}");
        }

        for other in [
            "http://auth.example.com",
            "https://auth.example.com:8443",
            "https://auth.example.com/realms/a",
            "https://auth.example.com/API/AUTH",
            "https://auth.example.com.",
            "auth.example.com",
            "Auth.Example.com",
            "",
        ] {
            assert_ne!(canonical_issuer(other), spellings[0], "{other}");
        }
        assert_ne!(canonical_issuer("todo-app"), canonical_issuer("Todo-App"));
        assert_ne!(canonical_issuer("urn:a:b"), canonical_issuer("urn:a:B"));
    }
}
