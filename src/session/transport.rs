//! What the driver speaks over, with a [`Piped`] stream in each case: TCP with or without TLS, and sockets of this machine.
//!
//! The driver takes a stream of somebody else's only in the place of TLS. So it is told that TLS comes first and is required,
//! and it is this transport that asks the server for it, as the address wants it, and may go on without.

use std::io;
use std::pin::Pin;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio_postgres::config::{Config, Host, SslMode, SslNegotiation};
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};
use tokio_postgres::{Client, NoTls, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;
use tokio_util::either::Either;

use super::pipeline::{Piped, Pipeline};
use super::pool::NoLink;

type RustlsConnect = <MakeRustlsConnect as MakeTlsConnect<Socket>>::TlsConnect;
type RustlsStream = <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream;

/// SSLRequest (PostgreSQL manual, "Message Formats"): its length, and a number in the place of the protocol's version.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

/// What an address wants of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tls {
    Never,
    IfOffered,
    Always,
    /// Always, and without asking.
    AtOnce,
}

/// Makes the streams of one connection.
#[derive(Clone)]
pub(super) struct Transport {
    rustls: MakeRustlsConnect,
    tls: Tls,
    pipeline: Pipeline,
}

impl Transport {
    /// A transport, and `config` as the driver has to see it.
    pub(super) fn new(config: &Config, rustls: MakeRustlsConnect, pipeline: Pipeline) -> (Self, Config) {
        let tls = match (config.get_ssl_mode(), config.get_ssl_negotiation()) {
            (SslMode::Disable, _) => Tls::Never,
            (_, SslNegotiation::Direct) => Tls::AtOnce,
            (SslMode::Prefer, _) => Tls::IfOffered,
            _ => Tls::Always,
        };

        let mut config = config.clone();
        config.ssl_mode(SslMode::Require).ssl_negotiation(SslNegotiation::Direct);
        (Self { rustls, tls, pipeline }, config)
    }
}

impl MakeTlsConnect<Socket> for Transport {
    type Stream = Piped<Either<Socket, RustlsStream>>;
    type TlsConnect = Opening;
    type Error = <MakeRustlsConnect as MakeTlsConnect<Socket>>::Error;

    fn make_tls_connect(&mut self, host: &str) -> Result<Opening, Self::Error> {
        let rustls = MakeTlsConnect::<Socket>::make_tls_connect(&mut self.rustls, host)?;
        Ok(Opening { rustls, tls: self.tls, pipeline: self.pipeline.clone() })
    }
}

/// A stream that is about to be opened.
pub(super) struct Opening {
    rustls: RustlsConnect,
    tls: Tls,
    pipeline: Pipeline,
}

impl TlsConnect<Socket> for Opening {
    type Stream = Piped<Either<Socket, RustlsStream>>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Stream>> + Send>>;

    fn connect(self, mut socket: Socket) -> Self::Future {
        Box::pin(async move {
            let encrypted = match self.tls {
                Tls::Never => false,
                Tls::AtOnce => true,
                Tls::IfOffered => offers_tls(&mut socket).await?,
                Tls::Always if offers_tls(&mut socket).await? => true,
                Tls::Always => return Err(io::Error::other("server does not support TLS")),
            };
            let stream = if encrypted {
                Either::Right(self.rustls.connect(socket).await?)
            } else {
                Either::Left(socket)
            };
            Ok(Piped::new(stream, self.pipeline))
        })
    }
}

async fn offers_tls(socket: &mut Socket) -> io::Result<bool> {
    socket.write_all(&SSL_REQUEST).await?;
    Ok(socket.read_u8().await? == b'S')
}

impl TlsStream for Piped<Either<Socket, RustlsStream>> {
    fn channel_binding(&self) -> ChannelBinding {
        match self.stream() {
            Either::Left(_) => ChannelBinding::none(),
            Either::Right(encrypted) => encrypted.channel_binding(),
        }
    }
}

/// Connects over the first socket of this machine that answers: there is no place for TLS where the driver does that.
pub(super) async fn connect_here(config: &Config, pipeline: Pipeline) -> Result<Client, NoLink> {
    let mut refused = NoLink::NoSocket(io::ErrorKind::NotFound.into());
    for (number, host) in config.get_hosts().iter().enumerate() {
        let Host::Unix(directory) = host else { continue };
        let port = config.get_ports().get(number).or(config.get_ports().first()).unwrap_or(&5432);
        match UnixStream::connect(directory.join(format!(".s.PGSQL.{port}"))).await {
            Ok(stream) => match config.connect_raw(Piped::new(stream, pipeline.clone()), NoTls).await {
                Ok((client, connection)) => {
                    tokio::spawn(connection);
                    return Ok(client);
                }
                Err(error) => refused = NoLink::NotOpened(error),
            },
            Err(error) => refused = NoLink::NoSocket(error),
        }
    }
    Err(refused)
}
