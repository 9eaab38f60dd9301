//! An address to a connection: what `DATABASE_URL` says, TLS, and time-outs.

use std::net::IpAddr;
use std::time::Duration;

use rustls::RootCertStore;
use tokio::time::timeout;
use tokio_postgres::config::{Host, LoadBalanceHosts, SslMode, TargetSessionAttrs};
use tokio_postgres::{Client, Config, Error};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::tls;

/// How long the driver waits before it asks whether a silent server is still there, if nobody says otherwise.
const DRIVERS_KEEPALIVE: Duration = Duration::from_secs(2 * 60 * 60);

/// How long a connection may take until it can be used.
const LONGEST_LOGIN: Duration = Duration::from_secs(10);

/// Why there is no connection.
#[derive(Debug)]
pub enum NoConnection {
    /// The server, or the way to it, said so.
    Refused(Error),
    /// Whoever took the connection did not get it ready in time.
    Silent,
}

impl From<Error> for NoConnection {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

impl std::fmt::Display for NoConnection {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused(error) => out.write_str(&logged(error)),
            Self::Silent => out.write_str("it accepts a connection, and does not get it ready in time"),
        }
    }
}

impl std::error::Error for NoConnection {}

/// Where a database is and how to log in; prints without its password.
#[derive(Clone)]
pub struct Address {
    config: Config,
    tls: MakeRustlsConnect,
}

impl Address {
    /// Reads a URL (`postgres://user:password@host/database`) or `key=value` words, as libpq does.
    ///
    /// `sslmode=require` verifies the certificate and the host's name against the public roots; `prefer`, the
    /// default, does so where the server offers TLS, and is plain on this machine (sockets and loopback).
    ///
    /// # Errors
    /// A sentence that says what is wrong with the text, without repeating it: it holds a password.
    pub fn parse(text: &str) -> Result<Self, String> {
        for word in ["sslmode=verify-full", "sslmode=verify-ca", "sslmode=allow", "sslrootcert="] {
            if text.contains(word) {
                let word = word.trim_end_matches('=');
                return Err(format!(
                    "{word} is not supported; sslmode=require verifies the certificate and the host's name \
                     against the public roots"
                ));
            }
        }

        if text.contains("://") && text.matches('@').count() > 1 {
            // The driver would take the end of the password for a host, and messages name hosts.
            return Err("has more than one @; in a user, password or database it is written %40".into());
        }

        let mut config: Config = text.parse().map_err(|error: Error| {
            // Of what the driver says only this repeats nothing of the text: it names an option of its own list.
            let why = std::error::Error::source(&error).map(ToString::to_string);
            let why = why.filter(|why| why.starts_with("invalid value for option"));
            let why = why.map(|why| format!(": {why}")).unwrap_or_default();
            format!("not an address like postgres://user:password@host/database{why}")
        })?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err("names no host".into());
        }

        if config.get_hosts().is_empty() {
            // Without a name the driver has no TLS.
            for address in config.get_hostaddrs().to_vec() {
                config.host(address.to_string());
            }
        }
        let sockets = config.get_hosts().iter().filter(|host| is_socket(host)).count();
        if sockets > 0 && sockets < config.get_hosts().len() {
            return Err("names sockets of this machine and other hosts; it can be one or the other".into());
        }
        if sockets > 0 {
            for (is_said, option) in [
                (!config.get_hostaddrs().is_empty(), "hostaddr"),
                (config.get_ssl_mode() == SslMode::Require, "sslmode=require"),
                (config.get_target_session_attrs() != TargetSessionAttrs::Any, "target_session_attrs"),
                (config.get_load_balance_hosts() != LoadBalanceHosts::Disable, "load_balance_hosts"),
            ] {
                if is_said {
                    return Err(format!("{option} is not supported with a socket of this machine"));
                }
            }
        }

        if config.get_ssl_mode() == SslMode::Prefer && on_this_machine(&config) {
            // A server of one's own often has a certificate that nobody signed, and nobody listens in between.
            config.ssl_mode(SslMode::Disable);
        }
        if config.get_application_name().is_none() {
            config.application_name("rowkeep");
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(LONGEST_LOGIN);
        }
        if config.get_keepalives_idle() == DRIVERS_KEEPALIVE {
            config.keepalives_idle(Duration::from_secs(30));
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(Duration::from_secs(30));
        }

        Ok(Self { config, tls: tls_with(tls::public_roots()) })
    }

    /// This address, with a server's certificate believed when one of these authorities signed it: for a database with an
    /// authority of its own, which no setting names yet.
    #[must_use]
    pub fn trusting(self, roots: RootCertStore) -> Self {
        Self { tls: tls_with(roots), ..self }
    }

    /// What the driver wants to know.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Whether it is a socket of this machine, and no host.
    pub fn is_socket(&self) -> bool {
        self.config.get_hosts().iter().any(is_socket)
    }

    /// TLS as this address wants it.
    pub fn tls(&self) -> MakeRustlsConnect {
        self.tls.clone()
    }

    /// Opens one connection, which ends when the client is dropped.
    ///
    /// # Errors
    /// When the server is out of reach, refuses the login, or says nothing for ten seconds.
    pub async fn connect(&self) -> Result<Client, NoConnection> {
        // The driver's own limit ends with the TCP connection, before TLS and the login.
        let opened = timeout(LONGEST_LOGIN, self.config.connect(self.tls())).await;
        let (client, connection) = opened.map_err(|_| NoConnection::Silent)??;
        tokio::spawn(connection);
        Ok(client)
    }
}

/// `user@host:port/database`, for messages.
impl std::fmt::Display for Address {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let host = match self.config.get_hosts().first() {
            Some(Host::Tcp(host)) => host.clone(),
            #[cfg(unix)]
            Some(Host::Unix(path)) => path.display().to_string(),
            None => self.config.get_hostaddrs().first().map(IpAddr::to_string).unwrap_or_default(),
        };
        let port = self.config.get_ports().first().unwrap_or(&5432);
        let user = self.config.get_user().unwrap_or("(no user)");
        let database = self.config.get_dbname().unwrap_or(user);
        write!(out, "{user}@{host}:{port}/{database}")
    }
}

impl std::fmt::Debug for Address {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Address({self})")
    }
}

fn tls_with(roots: RootCertStore) -> MakeRustlsConnect {
    let mut client = tls::client(roots);
    // PostgreSQL demands it where TLS comes without being asked for (`sslnegotiation=direct`).
    client.alpn_protocols = vec![b"postgresql".to_vec()];
    MakeRustlsConnect::new(client)
}

fn is_socket(host: &Host) -> bool {
    !matches!(host, Host::Tcp(_))
}

fn on_this_machine(config: &Config) -> bool {
    let hosts = config.get_hosts().iter().all(|host| match host {
        Host::Tcp(name) => {
            name == "localhost" || name.parse().is_ok_and(|address: IpAddr| address.is_loopback())
        }
        #[cfg(unix)]
        Host::Unix(_) => true,
    });
    hosts && config.get_hostaddrs().iter().all(IpAddr::is_loopback)
}

/// The error for the log: code and message, never the detail, which can hold a whole row.
pub fn logged(error: &Error) -> String {
    match error.as_db_error() {
        Some(db) => format!("{}: {}", db.code().code(), db.message()),
        None => causes(error),
    }
}

/// The error and what lies behind it: the texts of libraries often say only that something failed.
pub fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
