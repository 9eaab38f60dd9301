//! HTTP clients of other servers: of issuers, for their key sets, and of a collector, for spans.

use std::net::{Ipv4Addr, Ipv6Addr};

use reqwest::ClientBuilder;
use rustls::RootCertStore;
use url::{Host, Url};

use crate::tls;

const LOCALHOST: &str = "localhost";

/// A client for these URLs, with TLS that trusts these root certificates.
pub fn client(urls: &[&Url], roots: RootCertStore) -> ClientBuilder {
    let builder = reqwest::Client::builder()
        .user_agent(concat!("rowkeep/", env!("CARGO_PKG_VERSION")))
        .tls_backend_preconfigured(tls::client(roots))
        // `is_loopback` relies on this name, so no resolver is asked for it. The port is that of the URL.
        .resolve_to_addrs(LOCALHOST, &[(Ipv4Addr::LOCALHOST, 0).into(), (Ipv6Addr::LOCALHOST, 0).into()]);
    // An outgoing proxy cannot reach the servers of this machine.
    let is_here =
        |url: &&Url| is_loopback(url) || url.domain().is_some_and(|name| name.ends_with(".localhost"));
    if urls.iter().all(is_here) { builder.no_proxy() } else { builder }
}

/// Whether the URL is on this machine, so that nothing on the network can read or change the response.
///
/// Of names only `localhost` counts: a resolver can give any other name another address tomorrow.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == LOCALHOST,
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// The public root certificates and those of this machine. Servers in a private network often have a root certificate of
/// their own.
pub fn roots() -> RootCertStore {
    let mut roots = tls::public_roots();
    roots.extend(tls::system_roots().roots);
    roots
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_and_localhost_are_this_machine() {
        for (url, here) in [
            ("http://127.0.0.1:3000", true),
            ("http://127.8.9.1", true),
            ("http://127.1", true),
            ("http://[::1]:3000", true),
            ("http://LOCALHOST:3000", true),
            ("http://auth.localhost", false),
            ("http://localhost.", false),
            ("http://localhost.example.com", false),
            ("http://localtest.me", false),
            ("http://[::ffff:127.0.0.1]", false),
            ("http://0.0.0.0:3000", false),
            ("http://10.0.0.1", false),
        ] {
            assert_eq!(is_loopback(&Url::parse(url).expect("a URL")), here, "{url}");
        }
    }
}
