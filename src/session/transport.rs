//! The streams that the driver speaks over: TCP with or without TLS, and Unix sockets, each below a [`PipelineStream`].
//!
//! The driver accepts a stream of another type only as its TLS stream. So its configuration says that TLS is required and
//! starts at once. This transport then negotiates TLS with the server itself, as the address demands.

use std::io;
use std::path::Path;
use std::pin::Pin;

use futures_util::future::select_ok;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio_postgres::config::{Config, SslMode, SslNegotiation};
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};
use tokio_postgres::{CancelToken, Client, NoTls, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;
use tokio_util::either::Either;

use super::opening::OpeningSocket;
use super::pipeline::{Pipeline, PipelineStream};
use crate::database::{Address, ConnectError, Endpoint};

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
    one_of_several: Option<Endpoint>,
}

impl Transport {
    /// A transport for `config`, and the configuration to give to the driver instead.
    pub(super) fn new(
        config: &Config,
        rustls: MakeRustlsConnect,
        pipeline: Pipeline,
        one_of_several: Option<Endpoint>,
    ) -> (Self, Config) {
        let tls_mode = match (config.get_ssl_mode(), config.get_ssl_negotiation()) {
            (SslMode::Disable, _) => TlsMode::Disable,
            (_, SslNegotiation::Direct) => TlsMode::Direct,
            (SslMode::Prefer, _) => TlsMode::Prefer,
            _ => TlsMode::Require,
        };

        let mut config = config.clone();
        config.ssl_mode(SslMode::Require).ssl_negotiation(SslNegotiation::Direct);
        (Self { rustls, tls_mode, pipeline, one_of_several }, config)
    }
}

impl MakeTlsConnect<Socket> for Transport {
    type Stream = PipelineStream<Either<TcpSocket, RustlsStream>>;
    type TlsConnect = HostTransport;
    type Error = <MakeRustlsConnect as MakeTlsConnect<TcpSocket>>::Error;

    fn make_tls_connect(&mut self, host: &str) -> Result<HostTransport, Self::Error> {
        let rustls = MakeTlsConnect::<TcpSocket>::make_tls_connect(&mut self.rustls, host)?;
        let (pipeline, one_of_several) = (self.pipeline.clone(), self.one_of_several.clone());
        Ok(HostTransport { rustls, tls_mode: self.tls_mode, pipeline, one_of_several })
    }
}

/// A transport to one host.
pub(super) struct HostTransport {
    rustls: RustlsConnect,
    tls_mode: TlsMode,
    pipeline: Pipeline,
    one_of_several: Option<Endpoint>,
}

impl TlsConnect<Socket> for HostTransport {
    type Stream = PipelineStream<Either<TcpSocket, RustlsStream>>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Stream>> + Send>>;

    fn connect(self, socket: Socket) -> Self::Future {
        let mut socket = OpeningSocket::new(socket, self.pipeline.clone(), self.one_of_several);
        Box::pin(async move {
            let use_tls = match self.tls_mode {
                TlsMode::Disable => false,
                TlsMode::Direct => true,
                TlsMode::Prefer => offers_tls(&mut socket).await?,
                TlsMode::Require if offers_tls(&mut socket).await? => true,
                TlsMode::Require => {
                    return Err(io::Error::new(io::ErrorKind::Unsupported, "server does not support TLS"));
                }
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
    if !address.is_socket() {
        let (transport, _) = Transport::new(address.config(), address.tls(), Pipeline::default(), None);
        return Ok(token.cancel_query(transport).await?);
    }
    let mut last_error = io::ErrorKind::NotFound.into();
    for path in address.hosts().all.iter().filter_map(Endpoint::socket) {
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
    let asked = address.hosts().all.iter().map(|endpoint| Box::pin(ask(endpoint)));
    select_ok(asked).await.is_ok()
}

/// Asks a server with an SSLRequest whether it is there.
pub(super) async fn ask(endpoint: &Endpoint) -> io::Result<()> {
    if let Some(path) = endpoint.socket() {
        offers_tls(&mut UnixStream::connect(path).await?).await?;
        return Ok(());
    }
    let host = endpoint.ip.map_or_else(|| endpoint.host.clone(), |ip| ip.to_string());
    offers_tls(&mut TcpStream::connect((host, endpoint.port)).await?).await?;
    Ok(())
}

/// Connects over the Unix socket at `path`. Where the driver opens a socket itself, it accepts no other stream.
pub(super) async fn connect_socket(
    path: &Path,
    config: &Config,
    pipeline: Pipeline,
    one_of_several: Option<Endpoint>,
) -> Result<Client, ConnectError> {
    let stream = UnixStream::connect(path).await.map_err(ConnectError::Socket)?;
    let stream = PipelineStream::new(OpeningSocket::new(stream, pipeline.clone(), one_of_several), pipeline);
    let (client, connection) = config.connect_raw(stream, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}
