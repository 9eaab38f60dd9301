//! A fuzz target: a client can write anything into `X-Forwarded-For` and `Forwarded`, and does not choose its address.

use http::HeaderValue;

use super::*;

/// The first line lists the trusted proxies, separated by spaces, and the second is the sender. Each further line is a header:
/// `for: …` is `Forwarded`, and any other line `X-Forwarded-For`.
pub fn forwarded(input: &[u8]) -> bool {
    let mut lines = input.split(|byte| *byte == b'\n');
    let mut text = || lines.next().and_then(|line| std::str::from_utf8(line).ok());
    let (Some(networks), Some(sender)) = (text(), text()) else { return false };
    let entries: Vec<String> =
        networks.split(' ').filter(|part| !part.is_empty()).map(str::to_owned).collect();
    let Ok(proxies) = TrustedProxies::parse(&entries) else { return false };
    assert_networks(&entries, &proxies);
    let Ok(sender) = sender.parse::<IpAddr>() else { return false };
    let sender = sender.to_canonical();

    let mut headers = HeaderMap::new();
    for line in lines {
        let (name, value) = match line.strip_prefix(b"for:") {
            Some(value) => (FORWARDED, value),
            None => (X_FORWARDED_FOR, line),
        };
        let Ok(value) = HeaderValue::from_bytes(value) else { return false };
        headers.append(name, value);
    }

    let client = proxies.client(sender, &headers);

    assert_eq!(client, client.to_canonical());
    if !proxies.contains(sender) {
        assert_eq!(client, sender, "a sender that is no proxy was believed");
        return false;
    }
    assert!(client == sender || names(&headers, client), "{client} is in no header: {headers:?}");
    assert_cannot_be_chosen(&proxies, sender, &headers);
    client != sender
}

/// Whatever a client has sent, the proxy appends the client's true address, and that is the one which counts.
fn assert_cannot_be_chosen(proxies: &TrustedProxies, sender: IpAddr, sent: &HeaderMap) {
    let truth: IpAddr = Ipv6Addr::from_bits(0x2001_0db8_ffff_ffff_ffff_ffff_ffff_fffe).into();
    if proxies.contains(truth) {
        return;
    }
    for (name, appended) in [
        (X_FORWARDED_FOR, format!("{truth}")),
        (FORWARDED, format!("for=\"[{truth}]:4711\";proto=https")),
        (FORWARDED, format!("by=_proxy;for=\"[{truth}]\";host=\"a,b;for=9.9.9.9\"")),
    ] {
        let mut lines: Vec<&[u8]> = sent.get_all(&name).iter().map(HeaderValue::as_bytes).collect();
        lines.push(appended.as_bytes());
        // As proxies do: they append to the line of the client, or they add a line.
        let joined = lines.join(&b", "[..]);
        let mut of_one_line = HeaderMap::new();
        of_one_line.append(&name, HeaderValue::from_bytes(&joined).expect("a value"));
        let mut of_more_lines = HeaderMap::new();
        for line in lines {
            of_more_lines.append(&name, HeaderValue::from_bytes(line).expect("a value"));
        }
        for headers in [of_one_line, of_more_lines] {
            assert_eq!(proxies.client(sender, &headers), truth, "the client chose its address: {headers:?}");
        }
    }
}

/// Whether a header has this address in some spelling.
fn names(headers: &HeaderMap, address: IpAddr) -> bool {
    let is_in_address = |c: char| c.is_ascii_hexdigit() || matches!(c, '.' | ':');
    headers.values().map(|value| String::from_utf8_lossy(value.as_bytes())).any(|value| {
        value.split(|c| !is_in_address(c)).any(|word| {
            let without_port = word.rsplit_once(':').map_or(word, |(address, _)| address);
            [word, without_port]
                .iter()
                .any(|word| word.parse::<IpAddr>().is_ok_and(|found| found.to_canonical() == address))
        })
    })
}

/// Networks that are written again are the same, and contain what their bits say.
fn assert_networks(entries: &[String], proxies: &TrustedProxies) {
    let written: Vec<String> = proxies.0.iter().map(ToString::to_string).collect();
    assert_eq!(TrustedProxies::parse(&written).as_ref(), Ok(proxies), "{entries:?}");
    for entry in entries {
        let (address, length) = entry.split_once('/').unwrap_or((entry, ""));
        let address: IpAddr = address.parse().expect("an address");
        assert!(proxies.contains(address), "{entry} does not contain its own address");
        let bits = |address: IpAddr| match address {
            IpAddr::V4(address) => u128::from(address.to_bits()) << 96,
            IpAddr::V6(address) => address.to_bits(),
        };
        let Ok(length) = length.parse::<u32>() else { continue };
        if let [only] = &*proxies.0
            && address.to_canonical() == address
        {
            // The last bit that belongs to the network is flipped.
            let outside = length.checked_sub(1).map(|bit| bits(address) ^ (1 << (127 - bit)));
            let outside = outside.map(|outside| match address {
                IpAddr::V4(_) => IpAddr::from(((outside >> 96) as u32).to_be_bytes()),
                IpAddr::V6(_) => IpAddr::from(outside.to_be_bytes()),
            });
            let is_inside = outside.is_some_and(|outside| proxies.contains(outside));
            let is_mapped = outside.is_some_and(|outside| outside.to_canonical() != outside);
            assert!(!is_inside || is_mapped, "{only} contains {outside:?}");
        }
    }
}
