//! The streams that the driver speaks over: TCP with or without TLS, and Unix sockets, each below a [`PipelineStream`].
//!
//! The driver accepts a stream of another type only as its TLS stream. So its configuration says that TLS is required and
//! starts at once. This transport then negotiates TLS with the server itself, as the address demands.

use std::io;
use std::path::PathBuf;
use std::pin::Pin;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio_postgres::config::{Config, Host, SslMode, SslNegotiation};
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};
use tokio_postgres::{CancelToken, Client, NoTls, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;
use tokio_util::either::Either;

use super::opening::OpeningSocket;
use super::pipeline::{Pipeline, PipelineStream};
use crate::database::{Address, ConnectError};

type TcpSocket = OpeningSocket<Socket>;
type RustlsConnect = <MakeRustlsConnect as MakeTlsConnect<TcpSocket>>::TlsConnect;
type RustlsStream = <MakeRustlsConnect as MakeTlsConnect<TcpSocket>>::Stream;

/// The message SSLRequest: its length, and a number instead of the protocol version (PostgreSQL manual, "Message
/// Formats").
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

/// How the address wants TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TlsMode {
    Disable,
    /// Use TLS if the server offers it.
    Prefer,
    Require,
    /// Start TLS without a request (`sslnegotiation=direct`).
    Direct,
}

/// Makes the stream of one connection.
#[derive(Clone)]
pub(super) struct Transport {
    rustls: MakeRustlsConnect,
    tls_mode: TlsMode,
    pipeline: Pipeline,
}

impl Transport {
    /// A transport for `config`, and the configuration to give to the driver instead.
    pub(super) fn new(config: &Config, rustls: MakeRustlsConnect, pipeline: Pipeline) -> (Self, Config) {
        let tls_mode = match (config.get_ssl_mode(), config.get_ssl_negotiation()) {
            (SslMode::Disable, _) => TlsMode::Disable,
            (_, SslNegotiation::Direct) => TlsMode::Direct,
            (SslMode::Prefer, _) => TlsMode::Prefer,
            _ => TlsMode::Require,
        };

        let mut config = config.clone();
        config.ssl_mode(SslMode::Require).ssl_negotiation(SslNegotiation::Direct);
        (Self { rustls, tls_mode, pipeline }, config)
    }
}

impl MakeTlsConnect<Socket> for Transport {
    type Stream = PipelineStream<Either<TcpSocket, RustlsStream>>;
    type TlsConnect = HostTransport;
    type Error = <MakeRustlsConnect as MakeTlsConnect<TcpSocket>>::Error;

    fn make_tls_connect(&mut self, host: &str) -> Result<HostTransport, Self::Error> {
        let rustls = MakeTlsConnect::<TcpSocket>::make_tls_connect(&mut self.rustls, host)?;
        Ok(HostTransport { rustls, tls_mode: self.tls_mode, pipeline: self.pipeline.clone() })
    }
}

/// A transport to one host.
pub(super) struct HostTransport {
    rustls: RustlsConnect,
    tls_mode: TlsMode,
    pipeline: Pipeline,
}

impl TlsConnect<Socket> for HostTransport {
    type Stream = PipelineStream<Either<TcpSocket, RustlsStream>>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Stream>> + Send>>;

    fn connect(self, socket: Socket) -> Self::Future {
        let mut socket = OpeningSocket::new(socket, self.pipeline.clone());
        Box::pin(async move {
            let use_tls = match self.tls_mode {
                TlsMode::Disable => false,
                TlsMode::Direct => true,
                TlsMode::Prefer => offers_tls(&mut socket).await?,
                TlsMode::Require if offers_tls(&mut socket).await? => true,
                TlsMode::Require => return Err(io::Error::other("server does not support TLS")),
            };
            let stream = if use_tls {
                Either::Right(self.rustls.connect(socket).await?)
            } else {
                Either::Left(socket)
            };
            Ok(PipelineStream::new(stream, self.pipeline))
        })
    }
}

async fn offers_tls(socket: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> io::Result<bool> {
    socket.write_all(&SSL_REQUEST).await?;
    Ok(socket.read_u8().await? == b'S')
}

impl TlsStream for PipelineStream<Either<TcpSocket, RustlsStream>> {
    fn channel_binding(&self) -> ChannelBinding {
        match self.get_ref() {
            Either::Left(_) => ChannelBinding::none(),
            Either::Right(tls_stream) => tls_stream.channel_binding(),
        }
    }
}

/// Asks the server of a connection to cancel the statement that it runs (PostgreSQL manual, "Canceling Requests in
/// Progress"). Uses a connection of its own, with TLS if the address demands it.
pub(super) async fn cancel(address: &Address, token: CancelToken) -> Result<(), ConnectError> {
    let address = address.refreshed()?;
    let config = address.config();
    if !address.is_socket() {
        let (transport, _) = Transport::new(config, address.tls(), Pipeline::default());
        return Ok(token.cancel_query(transport).await?);
    }
    let mut last_error = io::ErrorKind::NotFound.into();
    for path in sockets(config) {
        match UnixStream::connect(path).await {
            Ok(stream) => {
                let stream = PipelineStream::new(stream, Pipeline::default());
                return Ok(token.cancel_query_raw(stream, NoTls).await?);
            }
            Err(error) => last_error = error,
        }
    }
    Err(ConnectError::Socket(last_error))
}

/// Whether a server answers an SSLRequest at this address.
pub(super) async fn is_answered(address: &Address) -> bool {
    for path in sockets(address.config()) {
        if let Ok(mut stream) = UnixStream::connect(path).await
            && offers_tls(&mut stream).await.is_ok()
        {
            return true;
        }
    }
    for (host, port) in tcp_hosts(address.config()) {
        if let Ok(mut stream) = TcpStream::connect((host.as_str(), port)).await
            && offers_tls(&mut stream).await.is_ok()
        {
            return true;
        }
    }
    false
}

/// The names or addresses of the hosts, and their ports.
fn tcp_hosts(config: &Config) -> impl Iterator<Item = (String, u16)> {
    let addresses = config.get_hostaddrs().iter().map(|address| Some(address.to_string()));
    let names = config.get_hosts().iter().map(|host| match host {
        Host::Tcp(name) => Some(name.clone()),
        Host::Unix(_) => None,
    });
    // An address stands for the name at the same place.
    let hosts: Vec<_> = if config.get_hostaddrs().is_empty() { names.collect() } else { addresses.collect() };
    let port = |index| *config.get_ports().get(index).or(config.get_ports().first()).unwrap_or(&5432);
    hosts.into_iter().enumerate().filter_map(move |(index, host)| Some((host?, port(index))))
}

/// The paths of the Unix sockets that the address names.
fn sockets(config: &Config) -> impl Iterator<Item = PathBuf> {
    config.get_hosts().iter().enumerate().filter_map(|(index, host)| {
        let Host::Unix(directory) = host else { return None };
        let port = config.get_ports().get(index).or(config.get_ports().first()).unwrap_or(&5432);
        Some(directory.join(format!(".s.PGSQL.{port}")))
    })
}

/// Connects over the first Unix socket whose server accepts the login. Where the driver opens a socket itself, it accepts no
/// other stream.
pub(super) async fn connect_socket(config: &Config, pipeline: Pipeline) -> Result<Client, ConnectError> {
    let mut last_error = ConnectError::Socket(io::ErrorKind::NotFound.into());
    for path in sockets(config) {
        match UnixStream::connect(path).await {
            Ok(stream) => {
                let stream = OpeningSocket::new(stream, pipeline.clone());
                match config.connect_raw(PipelineStream::new(stream, pipeline.clone()), NoTls).await {
                    Ok((client, connection)) => {
                        tokio::spawn(connection);
                        return Ok(client);
                    }
                    Err(error) => last_error = ConnectError::Refused(error),
                }
            }
            Err(error) => last_error = ConnectError::Socket(error),
        }
    }
    Err(last_error)
}
