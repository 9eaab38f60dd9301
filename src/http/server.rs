//! Accepts connections, limits them, and closes them when the server stops.
//!
//! `warp::serve` sets no timer: a client that sends its request byte by byte would keep a connection for ever. Its
//! graceful shutdown also waits for ever.

use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
#[cfg(target_os = "linux")]
use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::client_stream::{ClientStream, HeadTimer};
use super::connections::{AnswerBody, Connections, Place};
use super::keep_alive::{KeepAlive, Stop};
use super::middleware::Middleware;
use super::{App, Origins, Timeouts, routes};
use crate::time_limit::within;

/// How many connections beyond the limit may wait until their clients have read the response. Further ones are closed at
/// once.
const MAX_TURNED_AWAY: usize = 16;

/// The largest size of the request line with all headers, in bytes. hyper answers 431 to a larger one.
const MAX_HEAD_BYTES: usize = 64 * 1024;

/// How many unsent bytes the kernel may hold (tcp(7), TCP_NOTSENT_LOWAT). Without this limit it holds megabytes, and accepts
/// more only after a slow client has read a third of them. The write timeout would close the connection before that.
#[cfg(target_os = "linux")]
const MAX_UNSENT_BYTES: u32 = 128 * 1024;

/// How long the server reads and discards what a client still sends, so that the client can read the response.
const LINGER_TIMEOUT: Duration = Duration::from_secs(2);

/// How much the server reads and discards, in bytes.
const MAX_LINGER_BYTES: usize = 16 * 1024 * 1024;

/// How much longer an idle connection stays open than the client is told. A request that the client sends at the last
/// moment still arrives in time.
const KEEP_ALIVE_MARGIN: Duration = Duration::from_secs(1);

/// The response on a connection beyond the limit. hyper does not see this connection.
fn too_many_connections() -> String {
    last_response(
        "503 Service Unavailable\r\nretry-after: 1",
        "The service has too many connections. Nothing was changed: try again later.",
    )
}

/// The response to a head or a body that did not arrive in time. hyper only closes the connection.
fn too_slow() -> String {
    last_response("408 Request Timeout", "The request took too long to arrive: send it again.")
}

/// The response to a request that has not arrived completely when the server stops.
fn shutting_down() -> String {
    last_response(
        "503 Service Unavailable\r\nretry-after: 1",
        "The server is shutting down. Nothing was changed: send the request again.",
    )
}

/// A response without hyper, and the last one on its connection.
fn last_response(status: &str, detail: &str) -> String {
    let body = format!(r#"{{"detail":"{detail}"}}"#);
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Serves requests on at most `max_connections` connections, until `stop` resolves. Then finishes the requests that are in progress, within `shutdown_timeout`.
pub async fn serve(
    listener: TcpListener,
    app: App,
    origins: Origins,
    max_connections: usize,
    stop: impl Future<Output = ()>,
    shutdown_timeout: Duration,
) {
    let timeouts = app.timeouts;
    let places = Connections::new(max_connections, app.trusted_proxies.clone());
    let turned_away = Arc::new(Semaphore::new(MAX_TURNED_AWAY));
    let connections = TaskTracker::new();
    let stopping = Stop {
        announced: app.stop_announced.clone(),
        begun: CancellationToken::new(),
        ends: CancellationToken::new(),
    };
    let middleware = Arc::new(Middleware::new(routes(&app), origins, connections.clone()));
    let mut stop = pin!(stop);

    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stop => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // The client has disconnected already, or no file descriptor is left until other connections end.
                tracing::warn!(%error, "cannot accept a connection");
                sleep(Duration::from_millis(50)).await;
                continue;
            }
        };

        if let Some(place) = places.place(peer).await {
            let (middleware, stopping) = (middleware.clone(), stopping.clone());
            let place = Arc::new(place);
            let serving = serve_connection(stream, peer, place.clone(), middleware, timeouts, stopping);
            connections.spawn(async move {
                let mut serving = pin!(serving);
                loop {
                    tokio::select! {
                        biased;
                        () = &mut serving => break,
                        () = place.is_chosen() => if place.is_still_idle() {
                            tracing::debug!(%peer, "closed the connection that was idle longest, for another one");
                            break;
                        }
                    }
                }
            });
        } else if let Ok(permit) = turned_away.clone().try_acquire_owned() {
            tracing::warn!(%peer, "too many connections");
            connections.spawn(async move {
                let _permit = permit;
                finish(stream, Some(too_many_connections())).await;
            });
        } else {
            reject_at_once(stream);
        }
    }

    drop(listener);
    stopping.announced.cancel();
    stopping.begun.cancel();
    connections.close();
    let finished = within(shutdown_timeout, async {
        connections.wait().await;
        if let Ok(database) = app.database() {
            database.session.close().await;
        }
    });
    if finished.await.is_none() {
        tracing::warn!(connections = connections.len(), "stopped while connections were still open");
        stopping.ends.cancel();
        let _ = within(Duration::ZERO, connections.wait()).await;
    }
}

/// Serves one connection from its first request to its end.
async fn serve_connection(
    stream: TcpStream,
    peer: SocketAddr,
    place: Arc<Place>,
    middleware: Arc<Middleware>,
    timeouts: Timeouts,
    stop: Stop,
) {
    // Without Nagle's algorithm: a small response must not wait for the acknowledgement of the one before it.
    let _ = stream.set_nodelay(true);
    #[cfg(target_os = "linux")]
    let _ = SockRef::from(&stream).set_tcp_notsent_lowat(MAX_UNSENT_BYTES);
    let idle_timeout = timeouts.keep_alive + KEEP_ALIVE_MARGIN;
    let timer = HeadTimer::new(idle_timeout, timeouts.request);
    let stream = ClientStream::new(stream, timeouts.request, &timer);
    let stream = place.watch(stream);

    let keep_alive = Arc::new(KeepAlive::new(middleware, timeouts.keep_alive, idle_timeout, stop.clone()));
    let responding = keep_alive.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        let answering = place.answers();
        let response = responding.clone().respond(request, peer).map(|response| {
            Ok::<_, io::Error>(response.map(|body| AnswerBody { body, _answering: answering }))
        });
        Box::pin(response) as Pin<Box<dyn Future<Output = io::Result<http::Response<_>>> + Send>>
    });
    let mut connection = http1::Builder::new()
        .timer(timer.clone())
        // The timer knows both limits, and ignores this one.
        .header_read_timeout(timeouts.request)
        .max_buf_size(MAX_HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service);

    let mut stop_has_begun = pin!(stop.has_begun());
    let mut is_stopping = false;
    let outcome = loop {
        tokio::select! {
            biased;
            outcome = &mut connection => break outcome,
            () = &mut stop_has_begun, if !is_stopping => {
                is_stopping = true;
                // A request that has begun to arrive is answered, and its response says that the connection ends.
                if !timer.head_is_partial() {
                    Pin::new(&mut connection).graceful_shutdown();
                }
            }
            () = stop.ends.cancelled(), if timer.head_is_partial() => break Ok(()),
        }
    };

    let parts = connection.into_parts();
    let stream = parts.io.into_inner().into_inner().into_inner();
    let is_in_order = match outcome {
        Ok(()) => true,
        Err(error) => {
            tracing::debug!(%peer, %error, "a connection ended with an error");
            if error.is_user() {
                // The response could not be finished. An orderly close would look like its end to a client of HTTP/1.0,
                // so the connection is reset.
                let _ = stream.set_zero_linger();
                return;
            }
            error.is_timeout()
        }
    };
    // The client waits for a response if a part of a request has arrived. Empty lines are no part of one.
    let client_waits =
        keep_alive.body_is_missing() || parts.read_buf.iter().any(|byte| !b"\r\n".contains(byte));
    let owes_response = is_in_order && client_waits && keep_alive.stays_open();
    let last = if stop.begun.is_cancelled() { shutting_down } else { too_slow };
    finish(stream, owes_response.then(last)).await;
}

/// Sends the response without waiting, which works unless the client has sent much already.
fn reject_at_once(stream: TcpStream) {
    let _ = stream.try_read(&mut [0; 4096]);
    let _ = stream.try_write(too_many_connections().as_bytes());
}

/// Sends the last response, if there is one, and closes the sending side. Then reads and discards for a moment: if the server
/// closed the whole connection while the client still sends, the client could lose the response (RFC 9112, section 9.6).
async fn finish(mut stream: TcpStream, response: Option<String>) {
    let _ = within(LINGER_TIMEOUT, async {
        stream.write_all(response.unwrap_or_default().as_bytes()).await?;
        stream.shutdown().await?;
        let mut buffer = vec![0; 16 * 1024];
        let mut discarded = 0;
        while discarded < MAX_LINGER_BYTES {
            match stream.read(&mut buffer).await? {
                0 => break,
                read => discarded += read,
            }
        }
        io::Result::Ok(())
    })
    .await;
}
