//! The address of a database (`DATABASE_URL`).

mod error;
#[cfg(any(test, fuzzing))]
#[allow(clippy::panic, reason = "a target fails by a panic")]
pub(crate) mod fuzz;
mod hosts;
mod identifier;
mod keywords;
mod options;
mod other_programs;
mod temporary;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustls::RootCertStore;
use tokio_postgres::Config;
use tokio_postgres::config::{ChannelBinding, LoadBalanceHosts, SslMode, SslNegotiation, TargetSessionAttrs};
use tokio_postgres_rustls::MakeRustlsConnect;

pub use self::error::{ConnectError, describe};
pub use self::hosts::{Endpoint, Hosts};
pub(crate) use self::identifier::identifier;
use self::keywords::Keywords;
use self::options::Options;
pub use self::temporary::{is_temporary, is_temporary_state};
use crate::instance;
use crate::secret_file;
use crate::tls::{self, Roots};

/// The driver's default for TCP keepalive. An address with this value is taken to set none.
const DRIVER_KEEPALIVES_IDLE: Duration = Duration::from_secs(2 * 60 * 60);

/// Time limit for connecting, TLS and login together, to all hosts.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// What an address means where it does not say so itself.
#[derive(Clone, Debug, Default)]
pub struct Defaults {
    /// Whether TLS is used only if the server offers it. This is for development: anybody between here and the server can
    /// claim that it does not.
    pub prefer_tls: bool,
    /// The `sslmode` of an address that has none (`PGSSLMODE`).
    pub ssl_mode: Option<String>,
    /// The `sslrootcert` of an address that has none (`DATABASE_CA_FILE`).
    pub root_certificates: Option<String>,
    /// The file that the address was read from. User and password are read from it again for each connection.
    pub url_file: Option<PathBuf>,
    /// Which one of the addresses in that file this is, from 0; none: the file has one address.
    pub place_in_file: Option<usize>,
    /// A file with the password, which is read again for each connection.
    pub password_file: Option<PathBuf>,
}

/// Where a database is and how to log in. Prints without the password.
#[derive(Clone)]
pub struct Address {
    /// Without hosts: [`Address::config_for`] adds one.
    config: Config,
    hosts: Arc<Hosts>,
    tls: MakeRustlsConnect,
    sources: Arc<Sources>,
}

/// The files that an address depends on.
struct Sources {
    roots: Roots,
    url_file: Option<PathBuf>,
    place_in_file: Option<usize>,
    password_file: Option<PathBuf>,
    /// Whether the address itself says that a host on the network is reached without TLS.
    is_plain_on_the_network: bool,
}

impl Address {
    /// Reads a URL (`postgres://user:password@host/database`) or `key=value` pairs, as libpq does.
    ///
    /// # Errors
    /// As [`Address::with`].
    pub fn parse(text: &str) -> Result<Self, String> {
        Self::with(text, &Defaults::default())
    }

    /// The same, with defaults for what the text does not say.
    ///
    /// A host that is not this machine must have TLS, unless `sslmode=disable` is written. The certificate and the host name
    /// are verified, whatever else `sslmode` says. On this machine (sockets and loopback) TLS is used if it is asked for.
    ///
    /// # Errors
    /// A sentence that says what is wrong. It never repeats the text, which holds a password.
    pub fn with(text: &str, defaults: &Defaults) -> Result<Self, String> {
        let options = read(text)?;
        let (mut config, hosts) = (options.config, options.hosts);
        if defaults.password_file.is_some() && config.get_password().is_some() {
            return Err("has a password, and DATABASE_PASSWORD_FILE is set, too: remove one of them".into());
        }

        let is_local = hosts.iter().all(Endpoint::is_on_this_machine);
        let is_socket = hosts.iter().any(|host| host.socket().is_some());
        let has_authority = options.root_certificates.is_some() && !is_socket;
        let needs_tls = config.get_ssl_negotiation() == SslNegotiation::Direct
            || config.get_channel_binding() == ChannelBinding::Require;
        let asked = match (options.ssl_mode, &defaults.ssl_mode) {
            // As in libpq, it says nothing about sockets.
            (None, Some(text)) if !is_socket => {
                Some(options::ssl_mode(text).map_err(|advice| format!("PGSSLMODE: {advice}"))?)
            }
            (None, _) if needs_tls => Some(SslMode::Require),
            (asked, _) => asked,
        };
        config.ssl_mode(match asked {
            Some(SslMode::Prefer) if !defaults.prefer_tls && !is_local => SslMode::Require,
            None if !is_local && !defaults.prefer_tls => SslMode::Require,
            // Whoever names an authority wants it to be asked, also on this machine.
            None if has_authority => SslMode::Require,
            // A local server often has a self-signed certificate, and nobody can listen to local connections.
            Some(SslMode::Prefer) | None if is_local && !has_authority => SslMode::Disable,
            Some(mode) => mode,
            None => SslMode::Prefer,
        });
        check(&config, &hosts, has_authority)?;
        set_defaults(&mut config);

        let roots = options.root_certificates.as_ref().or(defaults.root_certificates.as_ref());
        let sources = Sources {
            roots: roots.map_or(Roots::Public, |text| Roots::named(text)),
            url_file: defaults.url_file.clone(),
            place_in_file: defaults.place_in_file,
            password_file: defaults.password_file.clone(),
            is_plain_on_the_network: config.get_ssl_mode() == SslMode::Disable && !is_local,
        };
        let tls = tls_with(sources.roots.read()?);
        let hosts = Arc::new(Hosts::new(hosts, config.get_load_balance_hosts() == LoadBalanceHosts::Random));
        Self { config, hosts, tls, sources: Arc::new(sources) }.refreshed().map_err(|error| error.to_string())
    }

    /// The same address with the password and the root certificates that its files hold now. Each new connection takes them.
    /// Reads local files, which takes less time than connecting.
    ///
    /// # Errors
    /// A file cannot be read any more.
    pub fn refreshed(&self) -> Result<Self, ConnectError> {
        let mut fresh = self.clone();
        let sources = &self.sources;
        if let Some(path) = &sources.url_file {
            let text = secret_file::read(path).map_err(ConnectError::File)?;
            let shown = path.display();
            let text = match sources.place_in_file {
                None => text.as_str(),
                Some(place) => several(&text).nth(place).ok_or_else(|| {
                    ConnectError::File(format!("{shown} has fewer addresses than at the start"))
                })?,
            };
            let login = read(text)
                .map_err(|why| ConnectError::File(format!("the address in {shown}: {why}")))?
                .config;
            login.get_user().map(|user| fresh.config.user(user));
            login.get_password().map(|password| fresh.config.password(password));
        }
        if let Some(path) = &sources.password_file {
            fresh.config.password(secret_file::read(path).map_err(ConnectError::File)?);
        }
        if matches!(sources.roots, Roots::File(_)) {
            fresh.tls = tls_with(sources.roots.read().map_err(ConnectError::File)?);
        }
        Ok(fresh)
    }

    /// Whether the address says that passwords and tasks cross a network without TLS.
    pub fn is_plain_on_the_network(&self) -> bool {
        self.sources.is_plain_on_the_network
    }

    /// The password, if it is text.
    pub(crate) fn password(&self) -> Option<String> {
        let password = self.config.get_password()?;
        String::from_utf8(password.to_vec()).ok()
    }

    /// The driver's configuration, without a host.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The hosts with their ports, separated by commas.
    pub(crate) fn host_names(&self) -> String {
        self.hosts.all.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
    }

    /// The driver's configuration for one host.
    pub fn config_for(&self, endpoint: &Endpoint) -> Config {
        let mut config = self.config.clone();
        config.host(&endpoint.host).port(endpoint.port);
        endpoint.ip.map(|ip| config.hostaddr(ip));
        config
    }

    /// Where the database is.
    pub fn hosts(&self) -> &Hosts {
        &self.hosts
    }

    /// Whether the address is a Unix socket.
    pub fn is_socket(&self) -> bool {
        self.hosts.all.iter().any(|host| host.socket().is_some())
    }

    /// Whether the address looks like that of a connection pooler: Neon's pooled hosts end in `-pooler`, and Supabase's
    /// pooler listens on port 6543.
    pub fn is_of_pooler(&self) -> bool {
        self.hosts.all.iter().any(|endpoint| {
            let label = endpoint.host.split('.').next();
            endpoint.port == 6543 || label.is_some_and(|label| label.ends_with("-pooler"))
        })
    }

    /// The address as psql and other programs of libpq read it (PostgreSQL manual, "Connection Strings"), without the
    /// password.
    pub fn for_libpq(&self) -> String {
        let each =
            |part: fn(&Endpoint) -> String| self.hosts.all.iter().map(part).collect::<Vec<_>>().join(",");
        let ssl_mode = match self.config.get_ssl_mode() {
            SslMode::Require => "require",
            SslMode::Disable => "disable",
            _ => "prefer",
        };
        let options = [
            ("host", each(|endpoint| endpoint.host.clone())),
            ("port", each(|endpoint| endpoint.port.to_string())),
            ("user", self.config.get_user().unwrap_or_default().to_owned()),
            ("dbname", self.config.get_dbname().unwrap_or_default().to_owned()),
            ("sslmode", ssl_mode.to_owned()),
        ];
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.,:/".contains(c);
        let word = |(name, value): (&str, String)| match value.chars().all(is_plain) {
            true => format!("{name}={value}"),
            false => format!("{name}='{}'", value.replace('\\', "\\\\").replace('\'', "\\'")),
        };
        let options = options.into_iter().filter(|(_, value)| !value.is_empty());
        options.map(word).collect::<Vec<_>>().join(" ")
    }

    /// Makes TLS connections with the root certificates of this address.
    pub fn tls(&self) -> MakeRustlsConnect {
        self.tls.clone()
    }
}

/// `user@host:port,host:port/database`, for messages.
impl std::fmt::Display for Address {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let user = self.config.get_user().unwrap_or("(no user)");
        let database = self.config.get_dbname().unwrap_or(user);
        write!(out, "{user}@{}/{database}", self.host_names())
    }
}

impl std::fmt::Debug for Address {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Address({self})")
    }
}

/// The addresses in a text that can have several: each in a line of its own, or with semicolons between.
pub fn several(text: &str) -> impl Iterator<Item = &str> {
    text.split([';', '\n']).map(str::trim).filter(|address| !address.is_empty())
}

fn read(text: &str) -> Result<Options, String> {
    Options::of(&Keywords::parse(text)?)
}

/// Refuses options that a connection would ignore.
fn check(config: &Config, hosts: &[Endpoint], has_authority: bool) -> Result<(), String> {
    let sockets = hosts.iter().filter(|host| host.socket().is_some()).count();
    if sockets > 0 && sockets < hosts.len() {
        return Err("names both sockets and other hosts: use only one kind".into());
    }
    let (mode, is_direct) = (config.get_ssl_mode(), config.get_ssl_negotiation() == SslNegotiation::Direct);
    let is_bound = config.get_channel_binding() == ChannelBinding::Require;
    let without_tls = [
        (is_direct && mode != SslMode::Require, "sslnegotiation=direct"),
        (is_bound && mode == SslMode::Disable, "channel_binding=require"),
        (has_authority && mode == SslMode::Disable, "sslrootcert"),
    ];
    let over_sockets = [
        (hosts.iter().any(|host| host.ip.is_some()), "hostaddr"),
        (is_direct, "sslnegotiation=direct"),
        (is_bound, "channel_binding=require"),
        (mode == SslMode::Require, "sslmode=require"),
        (config.get_target_session_attrs() != TargetSessionAttrs::Any, "target_session_attrs"),
        (config.get_load_balance_hosts() != LoadBalanceHosts::Disable, "load_balance_hosts"),
    ];
    let first =
        |options: &[(bool, &'static str)]| options.iter().find(|(is_set, _)| *is_set).map(|found| found.1);
    if let Some(option) = first(&over_sockets).filter(|_| sockets > 0) {
        return Err(format!("{option} is not supported with a socket: remove it"));
    }
    match first(&without_tls) {
        Some(option) => Err(format!("{option} needs TLS: write sslmode=require, too, or remove it")),
        None => Ok(()),
    }
}

/// Sets the options that the address does not set.
fn set_defaults(config: &mut Config) {
    if config.get_application_name().is_none() {
        config.application_name(instance::application_name());
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
