//! The hosts of an address: where they are, in which order they are tried, and which have been silent.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// For how long a host that was silent is tried after the others.
const SILENT_TIME: Duration = Duration::from_secs(30);

/// One host of an address.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// A name, an IP address, or the directory of a socket.
    pub host: String,
    /// The IP address of the host, if the address says it or it was looked up.
    pub ip: Option<IpAddr>,
    /// The port, or the number in the name of the socket.
    pub port: u16,
}

impl Endpoint {
    /// The path of the socket; none: the host is on a network.
    pub fn socket(&self) -> Option<PathBuf> {
        let is_directory = self.host.starts_with('/');
        is_directory.then(|| PathBuf::from(&self.host).join(format!(".s.PGSQL.{}", self.port)))
    }

    pub(super) fn is_on_this_machine(&self) -> bool {
        let is_local_name = self.socket().is_some()
            || self.host.eq_ignore_ascii_case("localhost")
            || self.host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
        is_local_name && self.ip.is_none_or(|ip| ip.is_loopback())
    }
}

/// `host:port`, for messages.
impl std::fmt::Display for Endpoint {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.host)?;
        if let Some(ip) = self.ip.filter(|ip| ip.to_string() != self.host) {
            write!(out, "[{ip}]")?;
        }
        write!(out, ":{}", self.port)
    }
}

/// The hosts of an address.
#[derive(Debug)]
pub struct Hosts {
    /// In the order of the address.
    pub all: Vec<Endpoint>,
    /// Whether they are tried in random order (`load_balance_hosts=random`).
    is_random: bool,
    /// When a host was silent.
    silent: Mutex<HashMap<Endpoint, Instant>>,
}

impl Hosts {
    pub(super) fn new(all: Vec<Endpoint>, is_random: bool) -> Self {
        Self { all, is_random, silent: Mutex::default() }
    }

    /// These hosts, or IP addresses of one host, in the order in which to try them. Those that were silent a moment ago come
    /// last: each of them costs a part of the time.
    pub fn in_order(&self, mut endpoints: Vec<Endpoint>) -> Vec<Endpoint> {
        if self.is_random {
            // Its keys are random.
            let random = RandomState::new();
            endpoints.sort_by_cached_key(|endpoint| random.hash_one(endpoint));
        }
        let mut silent = self.silent.lock().unwrap_or_else(PoisonError::into_inner);
        silent.retain(|_, since| since.elapsed() < SILENT_TIME);
        endpoints.sort_by_key(|endpoint| silent.contains_key(endpoint));
        endpoints
    }

    /// Takes note of a host that did not answer in its time. Returns whether this is new.
    pub fn note_silence(&self, endpoint: &Endpoint) -> bool {
        let mut silent = self.silent.lock().unwrap_or_else(PoisonError::into_inner);
        silent.insert(endpoint.clone(), Instant::now()).is_none()
    }
}

/// Reads the lists `host`, `hostaddr` and `port`, whose entries stand in the same order and between commas.
///
/// # Errors
/// A sentence that names the list that is wrong.
pub(super) fn parse(hosts: &str, ips: &str, ports: &str) -> Result<Vec<Endpoint>, String> {
    // No name ends with a space, but a directory can.
    let trimmed =
        |entry: &str| if entry.starts_with('/') { entry.to_owned() } else { entry.trim().to_owned() };
    let entries = |text: &str| -> Vec<String> { text.split(',').map(trimmed).collect() };
    let (hosts, ips, ports) = (entries(hosts), entries(ips), entries(ports));
    let count = hosts.len().max(ips.len());
    for (name, list) in [("host", &hosts), ("hostaddr", &ips), ("port", &ports)] {
        let is_left_out = *list == [""] || name == "port" && list.len() == 1;
        if list.len() != count && !is_left_out {
            return Err(format!(
                "{name}: names {} of {count} hosts; write as many entries as hosts",
                list.len()
            ));
        }
    }

    let entry = |list: &[String], at: usize| list.get(at).filter(|entry| !entry.is_empty()).cloned();
    (0..count)
        .map(|at| {
            let ip = entry(&ips, at).map(|ip| ip.parse::<IpAddr>()).transpose();
            let ip = ip.map_err(|_| "hostaddr: its value cannot be used; it is an IP address")?;
            // The driver uses TLS only with a host name.
            let host = entry(&hosts, at).or_else(|| ip.map(|ip| ip.to_string()));
            let host = host.ok_or("host: a name is missing between the commas")?;
            let ip = ip.or_else(|| host.parse().ok());
            let port = entry(&ports, if ports.len() == 1 { 0 } else { at }).map(|port| port.parse::<u16>());
            let port = port.transpose().map_err(|_| "port: its value cannot be used; it is a number")?;
            Ok(Endpoint { host, ip, port: port.unwrap_or(5432) })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(hosts: &str, ips: &str, ports: &str) -> Result<Vec<String>, String> {
        Ok(parse(hosts, ips, ports)?.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn each_host_has_its_ip_address_and_its_port() {
        for (hosts, ips, ports, wanted) in [
            ("h", "", "", &["h:5432"][..]),
            ("a,b", "", "6432", &["a:6432", "b:6432"]),
            ("a,b,c", "", "1,,3", &["a:1", "b:5432", "c:3"]),
            ("a,b", "127.0.0.1,::1", "", &["a[127.0.0.1]:5432", "b[::1]:5432"]),
            ("a,b", "127.0.0.1,", "", &["a[127.0.0.1]:5432", "b:5432"]),
            ("", "127.0.0.1,127.0.0.2", "1,2", &["127.0.0.1:1", "127.0.0.2:2"]),
            ("/run/pg", "", "5433", &["/run/pg:5433"]),
            ("/run/pg ", "", "5433", &["/run/pg :5433"]),
            (" a , b", "", " 1 ,2", &["a:1", "b:2"]),
        ] {
            assert_eq!(shown(hosts, ips, ports), Ok(wanted.iter().map(ToString::to_string).collect()));
        }
    }

    #[test]
    fn lists_that_do_not_fit_are_named() {
        for (hosts, ips, ports, named) in [
            ("a,b,c", "", "1,2", "port: names 2 of 3 hosts"),
            ("a", "", "1,2", "port: names 2 of 1 hosts"),
            ("a,b", "127.0.0.1", "", "hostaddr: names 1 of 2 hosts"),
            ("a,,b", "", "", "host: a name is missing"),
            ("a", "b", "", "hostaddr: its value cannot be used"),
            ("a", "", "70000", "port: its value cannot be used"),
        ] {
            let problem = shown(hosts, ips, ports).expect_err(named);
            assert!(problem.contains(named), "{problem}");
        }
    }

    #[test]
    fn a_host_that_was_silent_is_tried_last() {
        let all = parse("a,b,c", "", "").expect("hosts");
        let hosts = Hosts::new(all.clone(), false);

        let first = all.first().expect("a host");

        assert!(hosts.note_silence(first), "this is new");
        assert!(!hosts.note_silence(first), "this is not new");

        let order: Vec<_> = hosts.in_order(all).iter().map(ToString::to_string).collect();
        assert_eq!(order, ["b:5432", "c:5432", "a:5432"]);
    }

    #[test]
    fn hosts_that_share_the_load_are_tried_in_random_order() {
        let all = parse("a,b,c", "", "").expect("hosts");
        let hosts = Hosts::new(all.clone(), true);

        let first: std::collections::HashSet<_> =
            (0..200).filter_map(|_| hosts.in_order(all.clone()).into_iter().next()).collect();

        assert_eq!(first.len(), 3);
    }
}
