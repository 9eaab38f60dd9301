//! Checks the `Host` header, before anything else of a request is looked at.

use std::net::Ipv6Addr;

use http::header::{HOST, HeaderMap};
use http::{Uri, Version};

/// Whether a request names its host as RFC 9112, section 3.2, demands: once, and with a valid name. HTTP/1.0 has no `Host`;
/// the checks of balancers often send none.
///
/// A server behind a proxy must not guess: with two hosts, proxy and server could each believe another one.
pub(super) fn is_acceptable(version: Version, target: &Uri, headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(HOST).iter();
    let host_is_valid = match (hosts.next(), hosts.next()) {
        (None, _) => version < Version::HTTP_11,
        (Some(host), None) => host.to_str().is_ok_and(is_host),
        (Some(_), Some(_)) => false,
    };
    host_is_valid && target.authority().is_none_or(|authority| is_host(authority.as_str()))
}

/// Whether a text is a host, with or without a port. A user in front of it is not allowed (RFC 9110, section 4.2.4).
///
/// RFC 3986 allows more characters in a name. No DNS name has them, and a comma joins two hosts.
fn is_host(text: &str) -> bool {
    let (is_valid, port) = match text.strip_prefix('[') {
        Some(text) => match text.split_once(']') {
            Some((address, port)) => (address.parse::<Ipv6Addr>().is_ok(), port),
            None => (false, ""),
        },
        None => {
            let (name, port) = text.split_at(text.find(':').unwrap_or(text.len()));
            let is_in_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
            (!name.is_empty() && name.bytes().all(is_in_name), port)
        }
    };
    is_valid && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port))
}

/// An empty port means the default one (RFC 3986, section 3.2.3).
fn is_port(text: &str) -> bool {
    text.is_empty() || text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::is_host;

    #[test]
    fn names_and_addresses_with_and_without_ports_are_hosts() {
        for host in [
            "a",
            "tasks.example",
            "a_b:",
            "127.0.0.1:8000",
            "[::1]",
            "[2001:db8::7]:80",
            "xn--bcher-kva.example",
        ] {
            assert!(is_host(host), "{host}");
        }
    }

    #[test]
    fn everything_else_is_not_a_host() {
        for host in [
            "",
            ":80",
            "a b",
            "a,b",
            "a/b",
            "a?b",
            "a#b",
            "a\\b",
            "user@a",
            "http://a",
            "a:b",
            "a:+8",
            "a:-1",
            "a:65536",
            "a:80:80",
            "::1",
            "[]",
            "[a]",
            "[::1",
            "::1]",
            "[::1]a",
            "bücher.example",
            "a\"",
            "<a>",
        ] {
            assert!(!is_host(host), "{host}");
        }
    }
}
