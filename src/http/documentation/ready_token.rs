//! `POST /docs/token`: a ready token for the page `/docs`, only in development, and only for browsers on this machine.
//!
//! The token is worth something on this server alone: the server has made the secret itself. Still, nobody else may get
//! it. A page of another origin could send this request (DNS rebinding makes its name lead here), and a proxy could
//! forward it from another machine. So every sign of either means 404, as on a server that has no ready token. A proxy on
//! this machine that hides its client leaves no sign, so the documents warn of it. It is a POST, so that no link, image or
//! script tag sends it, and it is below `/docs`, because front ends forward `/api`.

use std::net::IpAddr;
use std::sync::Arc;

use http::header::{FORWARDED, HOST, HeaderMap, ORIGIN, VIA};
use http::{Method, StatusCode, Version};
use serde_json::json as object;
use warp::Filter;
use warp::filters::BoxedFilter;

use crate::http::App;
use crate::http::cors::{NotForOtherOrigins, other_origin};
use crate::http::request::Peer;
use crate::http::response::{DEFAULT_ERRORS, Response, json, no_such_route};
use crate::refusal::Refusal;

/// Makes a token of a user, or says why it cannot.
pub type MintToken = Arc<dyn Fn(&str) -> Result<String, String> + Send + Sync>;

/// The user of the ready token, as in the documents.
const USER: &str = "alice";

pub(super) fn routes(app: &App) -> BoxedFilter<(Response,)> {
    let mint_token = app.mint_token.clone();
    warp::path!("docs" / "token")
        .and(warp::method())
        .and(warp::header::headers_cloned())
        .and(warp::ext::optional())
        .and(warp::ext::optional())
        .map(move |method: Method, headers: HeaderMap, peer: Option<Peer>, version| match &mint_token {
            Some(mint) if is_from_this_machine(&headers, peer, version) => respond(&method, mint),
            _ => no_such_route(),
        })
        .boxed()
}

fn respond(method: &Method, mint: &MintToken) -> Response {
    if method != Method::POST {
        return DEFAULT_ERRORS.refuse(Refusal::MethodNotAllowed("POST, OPTIONS"));
    }
    let mut response = match mint(USER) {
        Ok(token) => json(StatusCode::OK, &object!({ "user": USER, "token": token })),
        Err(why) => return DEFAULT_ERRORS.refuse(Refusal::Broken(why.into())),
    };
    response.extensions_mut().insert(NotForOtherOrigins);
    response
}

/// Whether a page of this server has sent the request, in a browser on this machine, without a proxy in between.
fn is_from_this_machine(headers: &HeaderMap, peer: Option<Peer>, version: Option<Version>) -> bool {
    let peer_is_here = peer.is_some_and(|Peer(address)| address.ip().to_canonical().is_loopback());
    let is_forwarded = headers.keys().any(|name| {
        let name = name.as_str();
        name.starts_with("x-forwarded") || name == FORWARDED || name == VIA || name == "x-real-ip"
    });
    let host_is_here = headers.get(HOST).and_then(|host| host.to_str().ok()).is_some_and(is_loopback);
    let is_same_origin = headers.get_all("sec-fetch-site").iter().all(|site| site == "same-origin");
    let has_one_origin = headers.get_all(ORIGIN).iter().count() <= 1 && other_origin(headers).is_none();
    // Browsers do not use HTTP/1.0, and proxies do: it is the default of nginx.
    let is_browser = version == Some(Version::HTTP_11);

    peer_is_here && !is_forwarded && host_is_here && is_same_origin && has_one_origin && is_browser
}

/// Whether a `Host` names this machine, with or without a port. Any other name can be one that leads here by DNS.
fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    name.eq_ignore_ascii_case("localhost") || address.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A request of the page on this machine, with some headers more.
    fn is_accepted(peer: &str, headers: &[(&str, &str)]) -> bool {
        let mut map = HeaderMap::new();
        map.insert(HOST, http::HeaderValue::from_static("127.0.0.1:8000"));
        for (name, value) in headers {
            let name: http::HeaderName = name.parse().expect("a name");
            map.insert(name, value.parse().expect("a value"));
        }
        is_from_this_machine(&map, Some(Peer(peer.parse().expect("an address"))), Some(Version::HTTP_11))
    }

    #[test]
    fn only_a_client_on_this_machine_is_accepted() {
        for (peer, accepted) in [
            ("127.0.0.1:4711", true),
            ("[::1]:4711", true),
            ("[::ffff:127.0.0.1]:4711", true),
            ("192.0.2.7:4711", false),
            ("[2001:db8::7]:4711", false),
            ("[::ffff:192.0.2.7]:4711", false),
            ("0.0.0.0:4711", false),
        ] {
            assert_eq!(is_accepted(peer, &[]), accepted, "{peer}");
        }
        assert!(!is_from_this_machine(&HeaderMap::new(), None, Some(Version::HTTP_11)));
    }

    #[test]
    fn what_browsers_never_send_is_refused() {
        let peer = || Some(Peer(([127, 0, 0, 1], 4711).into()));
        let mut headers = HeaderMap::new();
        headers.insert(HOST, http::HeaderValue::from_static("127.0.0.1:8000"));
        let one = http::HeaderValue::from_static("http://127.0.0.1:8000");
        headers.append(ORIGIN, one.clone());
        assert!(is_from_this_machine(&headers, peer(), Some(Version::HTTP_11)));

        assert!(!is_from_this_machine(&headers, peer(), Some(Version::HTTP_10)));
        headers.append(ORIGIN, one);
        assert!(!is_from_this_machine(&headers, peer(), Some(Version::HTTP_11)));
    }

    #[test]
    fn only_a_host_that_is_this_machine_by_its_own_name_is_accepted() {
        for (host, accepted) in [
            ("127.0.0.1", true),
            ("localhost:8000", true),
            ("LOCALHOST", true),
            ("[::1]:8000", true),
            ("127.9.9.9:80", true),
            ("rebound.example:8000", false),
            ("localhost.rebound.example", false),
            ("127.0.0.1.rebound.example", false),
            ("192.0.2.7:8000", false),
            ("0.0.0.0:8000", false),
            ("[::ffff:192.0.2.7]", false),
            ("", false),
        ] {
            assert_eq!(is_accepted("127.0.0.1:4711", &[("host", host)]), accepted, "{host:?}");
        }
    }
}
