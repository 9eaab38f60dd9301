//! The origins whose pages may read responses.

use http::header::{HeaderMap, HeaderValue, ORIGIN};
use http::uri::Uri;

/// The origins whose pages may read responses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origins {
    listed: Vec<String>,
    /// Whether every port of this machine is listed, too.
    any_loopback: bool,
}

/// Schemes that no page and no app has as its origin.
const OTHER_SCHEMES: [&str; 4] = ["file", "ftp", "ws", "wss"];

const LOOPBACK_HOSTS: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

impl Origins {
    /// Every port of this machine: for development, where the port of a front end is not known.
    pub fn loopback() -> Self {
        Self { listed: vec![], any_loopback: true }
    }

    /// Reads a comma-separated list such as `http://localhost:3000,tauri://localhost`.
    ///
    /// # Errors
    /// Names every entry that cannot be listed, and says why. `*` and `null` cannot: they stand for pages of anybody.
    pub fn parse(list: &str) -> Result<Self, String> {
        let entries = list.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        let (mut listed, mut problems) = (Vec::new(), Vec::new());
        for entry in entries {
            match origin(entry) {
                Some(origin) => listed.push(origin),
                None => problems.push(problem(entry)),
            }
        }

        if problems.is_empty() { Ok(Self { listed, any_loopback: false }) } else { Err(problems.join("; ")) }
    }

    /// The `Origin` header of a request, if it is a listed origin.
    pub fn listed(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let header = headers.get(ORIGIN)?;
        let text = header.to_str().ok()?;
        // The hosts of apps and of extensions can have capital letters.
        let is_listed = self.listed.iter().any(|listed| listed.eq_ignore_ascii_case(text));
        (is_listed || self.any_loopback && is_loopback(text)).then(|| header.clone())
    }
}

/// An origin as a browser sends it: in lower case, without a path and without the default port.
fn origin(entry: &str) -> Option<String> {
    let (scheme, host, port) = parts(entry)?;
    Some(match (scheme.as_str(), port) {
        ("http", Some(80)) | ("https", Some(443)) | (_, None) => format!("{scheme}://{host}"),
        (_, Some(port)) => format!("{scheme}://{host}:{port}"),
    })
}

/// The scheme and the host of an origin in lower case, and its port.
fn parts(entry: &str) -> Option<(String, String, Option<u16>)> {
    let uri: Uri = entry.parse().ok()?;
    let (scheme, authority) = (uri.scheme_str()?.to_ascii_lowercase(), uri.authority()?);
    let host = authority.host().to_ascii_lowercase();
    let port = match authority.as_str().get(host.len()..)?.strip_prefix(':') {
        Some(port) => Some(port.parse().ok()?),
        None if authority.as_str().len() == host.len() => None,
        None => return None, // user@host
    };
    let has_rest = !matches!(uri.path(), "" | "/") || uri.query().is_some();
    let is_origin = !host.is_empty() && !host.contains('*') && !OTHER_SCHEMES.contains(&scheme.as_str());
    (is_origin && !has_rest).then_some((scheme, host, port))
}

/// What is wrong with an entry that is not an origin.
fn problem(entry: &str) -> String {
    let why = match entry.to_ascii_lowercase().as_str() {
        "*" => "would let the page of anybody read answers: list each origin",
        "null" => {
            "stands for local files and for sandboxed pages of anybody: open the page from a web server, and list its origin"
        }
        _ => {
            "is not an origin like http://localhost:3000 or tauri://localhost: a scheme, a host and perhaps a port; separate origins \
             by commas, without brackets and quotes"
        }
    };
    format!("{entry:?} {why}")
}

/// Whether a browser sends this origin for a page that this machine serves on any port.
fn is_loopback(text: &str) -> bool {
    let is_own = parts(text).is_some_and(|(scheme, host, _)| {
        matches!(scheme.as_str(), "http" | "https") && LOOPBACK_HOSTS.contains(&host.as_str())
    });
    is_own && origin(text).as_deref() == Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_read_as_browsers_send_them() {
        let list = " https://Tasks.Example/ ,http://localhost:3000,, https://a.example:443,http://b.example:80,\
                    http://[::1]:5173,HTTP://c.example:08080";

        let origins = Origins::parse(list).expect("a list of origins");

        let wanted = [
            "https://tasks.example",
            "http://localhost:3000",
            "https://a.example",
            "http://b.example",
            "http://[::1]:5173",
            "http://c.example:8080",
        ];
        assert_eq!(origins.listed, wanted);
    }

    #[test]
    fn origins_of_apps_and_extensions_can_be_listed() {
        for entry in [
            "tauri://localhost",
            "capacitor://localhost",
            "ionic://localhost",
            "app://-",
            "app://obsidian.md",
            "chrome-extension://nkbihfbeogaeaoehlefnkodbefgpgknn",
            "moz-extension://0a5e6bb9-4a3a-4d0b-9d53-3b0b1f0b6f4a",
            "com.example.tasks://localhost",
        ] {
            assert_eq!(Origins::parse(entry).expect(entry).listed, [entry]);
        }
    }

    #[test]
    fn entries_that_are_not_origins_are_named_with_the_reason() {
        for (entry, why) in [
            ("*", "list each origin"),
            ("null", "open the page from a web server"),
            ("localhost:3000", "a scheme, a host"),
            ("tasks.example", "a scheme, a host"),
            ("https://a.example/path", "a scheme, a host"),
            ("https://a.example?x", "a scheme, a host"),
            ("https://u@a.example", "a scheme, a host"),
            ("https://*.a.example", "a scheme, a host"),
            ("http://a.example:http", "a scheme, a host"),
            ("file:///index.html", "a scheme, a host"),
            ("ws://a.example", "a scheme, a host"),
            ("app://", "a scheme, a host"),
        ] {
            let list = format!("http://b.example,{entry},tasks");
            let error = Origins::parse(&list).expect_err(entry);

            assert!(error.starts_with(&format!("{entry:?} ")) && error.contains(why), "{error}");
            assert!(error.contains("\"tasks\"") && !error.contains("b.example"), "{error}");
        }
    }

    #[test]
    fn an_origin_of_this_machine_has_its_host_and_a_port_and_nothing_else() {
        for (text, is_own) in [
            ("http://localhost", true),
            ("http://localhost:5173", true),
            ("https://localhost:5173", true),
            ("http://127.0.0.1:1", true),
            ("http://[::1]:65535", true),
            ("https://[::1]", true),
            ("http://localhost:65536", false),
            ("http://localhost:+1", false),
            ("http://localhost:01", false),
            ("http://localhost:", false),
            ("http://localhost/", false),
            ("http://localhost.evil.example", false),
            ("http://localhost:3000.evil.example", false),
            ("http://evil.example:3000", false),
            ("http://user@localhost", false),
            ("http://127.0.0.2", false),
            ("http://0.0.0.0", false),
            ("http://[::2]", false),
            ("tauri://localhost", false),
            ("localhost:3000", false),
            ("null", false),
            ("*", false),
            ("", false),
        ] {
            assert_eq!(is_loopback(text), is_own, "{text}");
        }
    }
}
