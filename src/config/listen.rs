//! The settings that say where the server listens.

use std::net::{SocketAddr, ToSocketAddrs};

use super::default;
use super::parse::{Problems, or_default};

impl Problems {
    /// The address of the API.
    pub(super) fn listen(&mut self, host: &str, port: &str) -> SocketAddr {
        let port = self.number("PORT", port, default::PORT, 0..=65_535) as u16;
        let host = or_default(host, default::HOST).trim_matches(['[', ']']);
        let found = (host, port).to_socket_addrs().ok().and_then(|mut found| found.next());
        found.unwrap_or_else(|| {
            self.add(format!("HOST is {host:?}; it must be an IP address or a name of this machine"));
            SocketAddr::from(([127, 0, 0, 1], port))
        })
    }

    /// The address of the second listener, which is never that of the first: clients of the API must not read metrics.
    pub(super) fn admin(&mut self, text: &str, listen: SocketAddr) -> Option<SocketAddr> {
        let text = text.trim();
        if text.is_empty() {
            return None;
        }
        let found = text.to_socket_addrs().ok().and_then(|mut found| found.next());
        let Some(address) = found else {
            self.add(format!("ADMIN_ADDR is {text:?}; it must be an address with a port: 127.0.0.1:9000"));
            return None;
        };
        let is_every = |address: SocketAddr| address.ip().is_unspecified();
        let overlaps = address.ip() == listen.ip() || is_every(address) || is_every(listen);
        if address.port() != 0 && address.port() == listen.port() && overlaps {
            self.add(format!(
                "ADMIN_ADDR is {text:?}, where the API listens (HOST and PORT): give it another port"
            ));
        }
        Some(address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The address of the second listener and the problems of the setting, if the API listens there.
    fn admin(text: &str, listen: &str) -> (Option<SocketAddr>, bool) {
        let mut problems = Problems::default();
        let address = problems.admin(text, listen.parse().expect("an address"));
        (address, problems.is_empty())
    }

    #[test]
    fn the_second_listener_needs_an_address_and_a_port_of_its_own() {
        for (text, listen, is_accepted) in [
            ("127.0.0.1:9000", "127.0.0.1:8000", true),
            (" [::1]:9000 ", "127.0.0.1:8000", true),
            ("0.0.0.0:9000", "0.0.0.0:8000", true),
            ("127.0.0.1:0", "127.0.0.1:0", true),
            ("127.0.0.2:8000", "127.0.0.1:8000", true),
            ("127.0.0.1:8000", "127.0.0.1:8000", false),
            ("0.0.0.0:8000", "127.0.0.1:8000", false),
            ("127.0.0.1:8000", "0.0.0.0:8000", false),
            ("[::]:8000", "0.0.0.0:8000", false),
            ("9000", "127.0.0.1:8000", false),
            (":9000", "127.0.0.1:8000", false),
            ("127.0.0.1", "127.0.0.1:8000", false),
            ("127.0.0.1:65536", "127.0.0.1:8000", false),
            ("http://127.0.0.1:9000", "127.0.0.1:8000", false),
            ("/run/rowkeep/admin.sock", "127.0.0.1:8000", false),
            ("unix:/run/rowkeep/admin.sock", "127.0.0.1:8000", false),
        ] {
            assert_eq!(admin(text, listen).1, is_accepted, "{text} beside {listen}");
        }
        assert_eq!(admin("", "127.0.0.1:8000"), (None, true));
        assert_eq!(admin("127.0.0.1:9000", "127.0.0.1:8000").0, "127.0.0.1:9000".parse().ok());
    }
}
