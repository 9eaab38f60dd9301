//! The address of a database (`DATABASE_URL`), and connections to it.

use std::io;
use std::net::IpAddr;
use std::time::Duration;

use rustls::RootCertStore;
use tokio::time::timeout;
use tokio_postgres::config::{Host, LoadBalanceHosts, SslMode, TargetSessionAttrs};
use tokio_postgres::{Client, Config, Error};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::error_chain::chain;
use crate::tls;

/// The driver's default for TCP keepalive. An address with this value is taken to set none.
const DRIVER_KEEPALIVES_IDLE: Duration = Duration::from_secs(2 * 60 * 60);

/// Time limit for connecting, TLS and login together.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Why there is no connection to the database.
#[derive(Debug)]
pub enum ConnectError {
    /// The server refused the connection or the login, or it cannot be reached.
    Refused(Error),
    /// No server answers at the socket.
    Socket(io::Error),
    /// The server accepted the connection and did not complete the login in time.
    TimedOut,
    /// The server closed an idle connection, because it restarted or was suspended.
    Closed,
}

impl From<Error> for ConnectError {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

impl std::fmt::Display for ConnectError {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused(error) => out.write_str(&describe(error)),
            Self::Socket(error) => write!(out, "error connecting to server: {}", chain(error)),
            Self::TimedOut => {
                out.write_str("the server accepts the connection but does not complete the login in time")
            }
            Self::Closed => out.write_str("the server closed the connection"),
        }
    }
}

impl std::error::Error for ConnectError {}

/// Where a database is and how to log in. Prints without the password.
#[derive(Clone)]
pub struct Address {
    config: Config,
    tls: MakeRustlsConnect,
}

impl Address {
    /// Reads a URL (`postgres://user:password@host/database`) or `key=value` pairs, as libpq does.
    ///
    /// `sslmode=require` verifies the certificate and the host name against the public root certificates. `prefer`,
    /// the default, does the same if the server offers TLS, and uses no TLS on this machine (sockets and loopback).
    ///
    /// # Errors
    /// A sentence that says what is wrong. It never repeats the text, which holds a password.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut config = parse(text)?;
        if config.get_hosts().is_empty() {
            // The driver uses TLS only with a host name.
            for address in config.get_hostaddrs().to_vec() {
                config.host(address.to_string());
            }
        }
        check_hosts(&config)?;
        set_defaults(&mut config);
        Ok(Self { config, tls: tls_with(tls::public_roots()) })
    }

    /// The same address with other root certificates, for a server whose certificate authority is not public.
    #[must_use]
    pub fn with_roots(self, roots: RootCertStore) -> Self {
        Self { tls: tls_with(roots), ..self }
    }

    /// The driver's configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Whether the address is a Unix socket.
    pub fn is_socket(&self) -> bool {
        self.config.get_hosts().iter().any(is_socket)
    }

    /// Whether the address looks like that of a connection pooler: Neon's pooled hosts end in `-pooler`, and Supabase's
    /// pooler listens on port 6543.
    pub fn is_of_pooler(&self) -> bool {
        let is_pooler = |host: &Host| match host {
            Host::Tcp(name) => name.split('.').next().is_some_and(|label| label.ends_with("-pooler")),
            Host::Unix(_) => false,
        };
        self.config.get_hosts().iter().any(is_pooler) || self.config.get_ports().contains(&6543)
    }

    /// Makes TLS connections with the root certificates of this address.
    pub fn tls(&self) -> MakeRustlsConnect {
        self.tls.clone()
    }

    /// Opens one connection. It closes when the client is dropped.
    ///
    /// # Errors
    /// When the server cannot be reached, refuses the login, or does not answer in time.
    pub async fn connect(&self) -> Result<Client, ConnectError> {
        // The driver's own time limit covers the TCP connection only, not TLS and the login.
        let opened = timeout(CONNECT_TIMEOUT, self.config.connect(self.tls())).await;
        let (client, connection) = opened.map_err(|_| ConnectError::TimedOut)??;
        tokio::spawn(connection);
        Ok(client)
    }
}

/// `user@host:port/database`, for messages.
impl std::fmt::Display for Address {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let host = match self.config.get_hosts().first() {
            Some(Host::Tcp(host)) => host.clone(),
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

fn parse(text: &str) -> Result<Config, String> {
    for option in ["sslmode=verify-full", "sslmode=verify-ca", "sslmode=allow", "sslrootcert="] {
        if text.contains(option) {
            let option = option.trim_end_matches('=');
            return Err(format!(
                "{option} is not supported; use sslmode=require, which verifies the certificate and the host \
                 name against the public root certificates"
            ));
        }
    }
    if text.contains("://") && text.matches('@').count() > 1 {
        // The driver would read the end of the password as the host, and messages show the host.
        return Err("has more than one @: write @ as %40 in the user, password or database".into());
    }

    let config: Config = text.parse().map_err(|error: Error| {
        // Other errors of the driver repeat parts of the text. This one only names an option that it knows.
        let reason = std::error::Error::source(&error).map(ToString::to_string);
        let reason = reason.filter(|reason| reason.starts_with("invalid value for option"));
        let reason = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
        format!("not an address like postgres://user:password@host/database{reason}")
    })?;
    if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
        return Err("names no host: add one, as in postgres://user:password@host/database".into());
    }
    Ok(config)
}

/// Refuses options that a connection over a socket would ignore.
fn check_hosts(config: &Config) -> Result<(), String> {
    let sockets = config.get_hosts().iter().filter(|host| is_socket(host)).count();
    if sockets == 0 {
        return Ok(());
    }
    if sockets < config.get_hosts().len() {
        return Err("names both sockets and other hosts: use only one kind".into());
    }
    let options = [
        (!config.get_hostaddrs().is_empty(), "hostaddr"),
        (config.get_ssl_mode() == SslMode::Require, "sslmode=require"),
        (config.get_target_session_attrs() != TargetSessionAttrs::Any, "target_session_attrs"),
        (config.get_load_balance_hosts() != LoadBalanceHosts::Disable, "load_balance_hosts"),
    ];
    match options.iter().find(|(is_set, _)| *is_set) {
        Some((_, option)) => Err(format!("{option} is not supported with a socket: remove it")),
        None => Ok(()),
    }
}

/// Sets the options that the address does not set.
fn set_defaults(config: &mut Config) {
    if config.get_ssl_mode() == SslMode::Prefer && is_on_this_machine(config) {
        // A local server often has a self-signed certificate, and nobody can listen to local connections.
        config.ssl_mode(SslMode::Disable);
    }
    if config.get_application_name().is_none() {
        config.application_name("rowkeep");
    }
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(CONNECT_TIMEOUT);
    }
    if config.get_keepalives_idle() == DRIVER_KEEPALIVES_IDLE {
        config.keepalives_idle(Duration::from_secs(30));
    }
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(Duration::from_secs(30));
    }
}

fn tls_with(roots: RootCertStore) -> MakeRustlsConnect {
    let mut client = tls::client(roots);
    // PostgreSQL requires this protocol name when TLS starts without a request (`sslnegotiation=direct`).
    client.alpn_protocols = vec![b"postgresql".to_vec()];
    MakeRustlsConnect::new(client)
}

fn is_socket(host: &Host) -> bool {
    !matches!(host, Host::Tcp(_))
}

fn is_on_this_machine(config: &Config) -> bool {
    let hosts = config.get_hosts().iter().all(|host| match host {
        Host::Tcp(name) => {
            name == "localhost" || name.parse().is_ok_and(|address: IpAddr| address.is_loopback())
        }
        Host::Unix(_) => true,
    });
    hosts && config.get_hostaddrs().iter().all(IpAddr::is_loopback)
}

/// Describes a database error for the log: SQLSTATE and message. Never the detail, which can hold a whole row.
pub fn describe(error: &Error) -> String {
    match error.as_db_error() {
        Some(db) => format!("{}: {}", db.code().code(), db.message()),
        None => chain(error),
    }
}
