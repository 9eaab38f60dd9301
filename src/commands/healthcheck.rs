//! `rowkeep healthcheck`: asks a running server for `/health`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use reqwest::redirect::Policy;
use rustls::RootCertStore;

use super::Failure;
use crate::error_chain::chain;
use crate::tls;

pub(super) async fn check(listen: SocketAddr, limit: Duration) -> Result<(), Failure> {
    let address = reachable(listen);
    let client = reqwest::Client::builder()
        .timeout(limit)
        .redirect(Policy::none())
        .no_proxy()
        .pool_max_idle_per_host(0)
        // reqwest is compiled without a TLS provider, and builds no client without TLS, although this request needs none.
        .tls_backend_preconfigured(tls::client(RootCertStore::empty()))
        .build()?;

    match client.get(format!("http://{address}/health")).send().await {
        Ok(response) if response.status().is_success() => Ok(()),
        Ok(response) => Err(format!("{address} is unhealthy: {}", response.status()).into()),
        Err(error) if error.is_timeout() => {
            Err(format!("{address} does not answer within {} s", limit.as_secs()).into())
        }
        Err(error) => Err(format!("{address} does not answer: {}", chain(&error.without_url())).into()),
    }
}

/// The address to connect to: a server that listens on every address (`0.0.0.0`, `::`) is reached over loopback.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_on_every_address_is_reached_over_loopback() {
        for (listen, wanted) in [
            ("0.0.0.0:8000", "127.0.0.1:8000"),
            ("[::]:8000", "[::1]:8000"),
            ("127.0.0.1:80", "127.0.0.1:80"),
            ("192.0.2.7:8000", "192.0.2.7:8000"),
        ] {
            let listen = listen.parse().expect("an address");
            assert_eq!(reachable(listen).to_string(), wanted);
        }
    }
}
