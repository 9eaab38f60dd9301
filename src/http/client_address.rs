//! The address of a client, also behind proxies that the operator trusts.

#[cfg(any(test, fuzzing))]
pub(super) mod fuzz;

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use http::HeaderMap;
use http::header::{FORWARDED, HeaderName};
use ipnet::{IpNet, Ipv4Net};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The networks of the proxies that may say the client's address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    /// Reads networks such as `10.0.0.0/8`, and single addresses.
    ///
    /// # Errors
    /// A sentence that names every entry that is neither.
    pub fn parse(entries: &[String]) -> Result<Self, String> {
        let (networks, invalid): (Vec<_>, Vec<_>) =
            entries.iter().map(|entry| network(entry).ok_or(entry)).partition(Result::is_ok);
        if invalid.is_empty() {
            return Ok(Self(networks.into_iter().flatten().collect()));
        }
        let invalid: Vec<_> =
            invalid.into_iter().filter_map(Result::err).map(|entry| format!("{entry:?}")).collect();
        Err(format!("not an address or a network like 10.0.0.0/8: {}", invalid.join(", ")))
    }

    /// Whether this address belongs to a trusted proxy.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    /// The client's address: the sender's, or what trusted proxies say about the client that they forward for.
    ///
    /// Each proxy appends the address of its own client to `X-Forwarded-For` or to `Forwarded`. So both are read from the
    /// right, up to the first address that is not a trusted proxy: everything further left can be invented. Most proxies
    /// write one of the headers and pass the other one on as the client sent it. Nothing tells which, so if both are there
    /// and disagree, neither is believed.
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let peer = peer.to_canonical();
        if !self.contains(peer) {
            return peer;
        }
        let by_name = |name| {
            Some(&name).filter(|name| headers.contains_key(*name)).map(|name| {
                self.last_believed(peer, &values(headers, name), |entry| {
                    if name == FORWARDED { forwarded_for(entry) } else { node(entry) }
                })
            })
        };
        match (by_name(X_FORWARDED_FOR), by_name(FORWARDED)) {
            (Some(one), Some(other)) if one != other => peer,
            (one, other) => one.or(other).unwrap_or(peer),
        }
    }

    /// Follows the entries of a header from the right. An entry that is not an address ends the walk.
    fn last_believed(&self, peer: IpAddr, header: &str, address: impl Fn(&str) -> Option<IpAddr>) -> IpAddr {
        let mut believed = peer;
        for entry in split_from_right(header, b',') {
            let Some(address) = address(entry) else { break };
            believed = address;
            if !self.contains(address) {
                break;
            }
        }
        believed
    }
}

/// The network whose addresses count as one client: providers give a whole /64 to each customer with IPv6.
pub fn client_network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
        address => address,
    }
}

/// The client's port, if the client itself is the sender: proxies do not say it.
pub fn port(peer: SocketAddr, client: IpAddr) -> Option<u16> {
    (peer.ip().to_canonical() == client).then_some(peer.port())
}

fn network(entry: &str) -> Option<IpNet> {
    // ipnet would read 021 as 21, and other programs read it as 17. The standard library refuses it.
    let network = match entry.split_once('/') {
        None => IpNet::from(entry.parse::<IpAddr>().ok()?),
        Some((address, length)) => {
            let is_plain = length.bytes().all(|byte| byte.is_ascii_digit());
            IpNet::new(address.parse().ok()?, length.parse().ok().filter(|_| is_plain)?).ok()?
        }
    };
    // Addresses are compared in their IPv4 form if they have one.
    match network {
        IpNet::V6(mapped) => match mapped.addr().to_ipv4_mapped() {
            Some(address) => {
                Ipv4Net::new(address, mapped.prefix_len().checked_sub(96)?).ok().map(IpNet::from)
            }
            None => Some(network),
        },
        IpNet::V4(_) => Some(network),
    }
}

/// All values of a header as one list (RFC 9110, section 5.3). Bytes that are not ASCII are in no address. A client can send
/// them, and the proxy appends the client's address to the same value.
fn values(headers: &HeaderMap, name: &HeaderName) -> String {
    let values = headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
    values.collect::<Vec<_>>().join(",")
}

/// The address in an element of `Forwarded` (RFC 7239, section 4), if it has exactly one `for`.
fn forwarded_for(element: &str) -> Option<IpAddr> {
    let mut nodes = split_from_right(element, b';').filter_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        name.trim().eq_ignore_ascii_case("for").then_some(value.trim())
    });
    let value = nodes.next()?;
    if nodes.next().is_some() {
        return None;
    }
    node(value.strip_prefix('"').map_or(Some(value), |value| value.strip_suffix('"'))?)
}

/// An address with or without a port; one of IPv6 with or without brackets.
fn node(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let without_brackets = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok().map(IpAddr::V6);
    let with_port = || text.parse().ok().map(|address: SocketAddr| address.ip());
    let address = text.parse().ok().or_else(without_brackets).or_else(with_port)?;
    Some(address.to_canonical())
}

/// The parts between separators outside of quoted strings, from the right. Reading from the right finds the quotes of the
/// last proxy whatever stands before them.
fn split_from_right(text: &str, separator: u8) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let bytes = text.as_bytes();
        let mut in_quotes = false;
        let at = bytes.iter().enumerate().rev().find_map(|(at, byte)| {
            let backslashes = || bytes.iter().take(at).rev().take_while(|byte| **byte == b'\\').count();
            if *byte == b'"' && backslashes() % 2 == 0 {
                in_quotes = !in_quotes;
            }
            (*byte == separator && !in_quotes).then_some(at)
        });
        rest = at.and_then(|at| text.get(..at));
        Some(at.map_or(text, |at| text.get(at + 1..).unwrap_or_default()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies() -> TrustedProxies {
        let entries = ["10.0.0.0/8", "::1", "2001:db8:1::/48", "::ffff:192.0.2.0/120"].map(str::to_owned);
        TrustedProxies::parse(&entries).expect("networks")
    }

    /// The client of a request that the proxy 10.0.0.1 forwards with these headers.
    fn client(headers: &[(&str, &str)]) -> String {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let name: HeaderName = name.parse().expect("a name");
            map.append(name, value.parse().expect("a value"));
        }
        proxies().client("10.0.0.1".parse().expect("an address"), &map).to_string()
    }

    #[test]
    fn a_sender_that_is_no_trusted_proxy_is_the_client_whatever_it_says() {
        let mut headers = HeaderMap::new();
        headers.insert(X_FORWARDED_FOR, "203.0.113.7".parse().expect("a value"));
        headers.insert(FORWARDED, "for=203.0.113.7".parse().expect("a value"));
        let peer = "198.51.100.9".parse().expect("an address");

        assert_eq!(proxies().client(peer, &headers), peer);
        assert_eq!(TrustedProxies::default().client(peer, &headers), peer);
    }

    #[test]
    fn forwarded_addresses_are_read_from_the_right_up_to_the_first_that_is_no_proxy() {
        for (value, wanted) in [
            ("203.0.113.7", "203.0.113.7"),
            ("1.1.1.1, 203.0.113.7", "203.0.113.7"),
            ("1.1.1.1, 203.0.113.7, 10.9.9.9,192.0.2.8", "203.0.113.7"),
            ("203.0.113.7:4711", "203.0.113.7"),
            ("2001:db8:2::7", "2001:db8:2::7"),
            ("[2001:db8:2::7]:4711", "2001:db8:2::7"),
            ("2001:db8:2::7, 2001:db8:1::1", "2001:db8:2::7"),
            ("::ffff:203.0.113.7", "203.0.113.7"),
            ("1.1.1.1, ::ffff:10.2.2.2", "1.1.1.1"),
            ("10.3.3.3, 10.2.2.2", "10.3.3.3"),
            // The walk ends at an entry that is no address, with the last address that it has seen.
            ("1.1.1.1, unknown, 10.2.2.2", "10.2.2.2"),
            ("1.1.1.1, 203.0.113.7.9", "10.0.0.1"),
            ("1.1.1.1,", "10.0.0.1"),
            ("", "10.0.0.1"),
        ] {
            assert_eq!(client(&[("x-forwarded-for", value)]), wanted, "{value:?}");
        }
    }

    #[test]
    fn the_header_forwarded_is_read_like_x_forwarded_for() {
        for (value, wanted) in [
            ("for=203.0.113.7", "203.0.113.7"),
            ("For=\"203.0.113.7:4711\";proto=https", "203.0.113.7"),
            ("by=10.0.0.1;for=\"[2001:db8:2::7]:4711\"", "2001:db8:2::7"),
            ("for=1.1.1.1, for=203.0.113.7;host=\"a,b;for=9.9.9.9\", for=10.2.2.2", "203.0.113.7"),
            // A client can write anything into what a proxy quotes, and before what a proxy appends.
            (r#"for=203.0.113.7;host="x\",for=9.9.9.9,y=\"z""#, "203.0.113.7"),
            ("for=\"9.9.9.9, for=203.0.113.7", "203.0.113.7"),
            ("for=1.1.1.1, for=_hidden, for=10.2.2.2", "10.2.2.2"),
            ("for=1.1.1.1, proto=https", "10.0.0.1"),
            ("for=1.1.1.1;for=2.2.2.2", "10.0.0.1"),
            ("for=unknown", "10.0.0.1"),
        ] {
            assert_eq!(client(&[("forwarded", value)]), wanted, "{value:?}");
        }
    }

    #[test]
    fn several_lines_of_a_header_are_one_list() {
        let lines = [("x-forwarded-for", "1.1.1.1"), ("x-forwarded-for", "203.0.113.7, 10.2.2.2")];

        assert_eq!(client(&lines), "203.0.113.7");
    }

    /// A client can send any byte above 0x7f, and most proxies pass it on.
    #[test]
    fn bytes_that_are_not_ascii_do_not_hide_the_address_that_the_proxy_appends() {
        let mut headers = HeaderMap::new();
        let value = http::HeaderValue::from_bytes(b"\xff, 203.0.113.7").expect("a value");
        headers.insert(X_FORWARDED_FOR, value);

        let client = proxies().client("10.0.0.1".parse().expect("an address"), &headers);

        assert_eq!(client.to_string(), "203.0.113.7");
    }

    #[test]
    fn two_headers_that_disagree_are_not_believed() {
        let agree = [("x-forwarded-for", "203.0.113.7"), ("forwarded", "for=203.0.113.7")];
        let disagree = [("x-forwarded-for", "203.0.113.7"), ("forwarded", "for=9.9.9.9")];

        assert_eq!(client(&agree), "203.0.113.7");
        assert_eq!(client(&disagree), "10.0.0.1");
    }

    #[test]
    fn entries_that_are_no_networks_are_named() {
        for entry in ["localhost", "10.0.0.0/33", "10.0.0", "*", "::ffff:0.0.0.0/90"] {
            let error = TrustedProxies::parse(&[entry.to_owned(), "10.0.0.0/8".into()]).expect_err(entry);
            assert!(error.contains(entry) && !error.contains("10.0.0.0/8\""), "{error}");
        }
    }

    #[test]
    fn addresses_of_ipv6_count_by_their_first_half() {
        let network = |text: &str| client_network(text.parse().expect("an address")).to_string();

        assert_eq!(network("2001:db8:2:3:4:5:6:7"), "2001:db8:2:3::");
        assert_eq!(network("::ffff:203.0.113.7"), "203.0.113.7");
        assert_eq!(network("203.0.113.7"), "203.0.113.7");
    }
}
