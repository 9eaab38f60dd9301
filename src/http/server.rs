//! Connections: accepting them, bounding them, and letting them end.
//!
//! Not `warp::serve`: it sets no timer, so that a client which sends its head or body drop by drop holds a
//! connection for ever, and its graceful stop waits for ever.

use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
#[cfg(target_os = "linux")]
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::answer::Response;
use super::{App, Front, Origins, routes};

/// How many connections there are at most; one more gets a 503 and is closed.
const CONNECTIONS: usize = 4096;

/// The longest request line with all headers, in bytes; hyper answers 431 to more.
const LONGEST_HEAD: usize = 64 * 1024;

/// How much the system may keep that a client has no room for yet, in bytes. Without a bound it keeps megabytes, says for
/// as long as it takes a slow client to read a third of them that it takes no more, and the client is taken for dead.
#[cfg(target_os = "linux")]
const UNSENT: u32 = 128 * 1024;

/// How long a client may go on sending what nobody will read, so that it gets to read the answer.
const LINGER: Duration = Duration::from_secs(2);

/// How much of that is taken, in bytes.
const LINGER_BYTES: usize = 16 * 1024 * 1024;

const FULL: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\nretry-after: 1\r\n\
    connection: close\r\ncontent-length: 68\r\n\r\n\
    {\"detail\":\"The service has too many connections: try again later.\"}\n";

/// Answers requests until `stop` resolves; then finishes what is under way, for `grace` at most.
pub async fn serve(
    listener: TcpListener,
    app: App,
    origins: Origins,
    stop: impl Future<Output = ()>,
    grace: Duration,
) {
    let patience = app.request_timeout;
    let session = app.session.clone();
    let front = Arc::new(Front::new(routes(&app), origins));
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let (connections, stopping) = (TaskTracker::new(), CancellationToken::new());
    let mut stop = pin!(stop);

    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stop => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Of one connection that was gone again, or no file descriptor is left: then others must end first.
                tracing::warn!(%error, "cannot accept a connection");
                sleep(Duration::from_millis(50)).await;
                continue;
            }
        };

        match places.clone().try_acquire_owned() {
            Ok(place) => {
                let (front, stopping) = (front.clone(), stopping.clone());
                connections.spawn(async move {
                    let _place = place;
                    hold(stream, peer, front, patience, stopping).await;
                });
            }
            Err(_) => {
                tracing::warn!(%peer, "too many connections");
                connections.spawn(turn_away(stream));
            }
        }
    }

    drop(listener);
    stopping.cancel();
    connections.close();
    let finished = timeout(grace, async {
        connections.wait().await;
        session.close().await;
    });
    if finished.await.is_err() {
        tracing::warn!(connections = connections.len(), "stopped before every connection had ended");
    }
}

/// One connection, from its first request to its end.
async fn hold(
    stream: TcpStream,
    peer: SocketAddr,
    front: Arc<Front>,
    patience: Duration,
    stopping: CancellationToken,
) {
    // A small answer must not wait for the acknowledgement of the one before it.
    let _ = stream.set_nodelay(true);
    #[cfg(target_os = "linux")]
    let _ = SockRef::from(&stream).set_tcp_notsent_lowat(UNSENT);
    let mut stream = TimeoutStream::new(stream);
    // For a client that does not read what it asked for. How little it may read in that time is set above.
    stream.set_write_timeout(Some(patience));
    // hyper requires that its I/O can be moved.
    let stream = Box::pin(stream);

    let service = service_fn(move |request: Request<Incoming>| {
        let front = front.clone();
        let answer = async move { Ok::<_, io::Error>(front.answer(request, peer).await) };
        Box::pin(answer) as Pin<Box<dyn Future<Output = io::Result<Response>> + Send>>
    });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(patience)
        .max_buf_size(LONGEST_HEAD)
        .serve_connection(TokioIo::new(stream), service);

    let mut told = false;
    let outcome = loop {
        tokio::select! {
            outcome = poll_fn(|context| connection.poll_without_shutdown(context)) => break outcome,
            () = stopping.cancelled(), if !told => {
                Pin::new(&mut connection).graceful_shutdown();
                told = true;
            }
        }
    };
    let stream = connection.into_parts().io.into_inner();
    if let Err(error) = outcome {
        tracing::debug!(%peer, %error, "a connection broke off");
        if error.is_user() {
            // An answer that could not be finished. To a client of HTTP/1.0 an orderly end would be the end of the answer.
            let _ = stream.get_ref().set_zero_linger();
            return;
        }
    }
    linger(stream).await;
}

async fn turn_away(mut stream: TcpStream) {
    if let Ok(Ok(())) = timeout(LINGER, stream.write_all(FULL)).await {
        linger(stream).await;
    }
}

/// Closes the sending side and reads on for a moment. Closing at once what the client still sends on would make its
/// system throw the answer away (RFC 9112, section 9.6).
async fn linger<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S) {
    if stream.shutdown().await.is_err() {
        return;
    }
    let _ = timeout(LINGER, async {
        let mut buffer = vec![0; 16 * 1024];
        let mut taken = 0;
        while taken < LINGER_BYTES {
            match stream.read(&mut buffer).await {
                Ok(0) | Err(_) => break,
                Ok(read) => taken += read,
            }
        }
    })
    .await;
}
