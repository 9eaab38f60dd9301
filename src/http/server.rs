//! Accepts connections, limits them, and closes them when the server stops.
//!
//! `warp::serve` sets no timer: a client that sends its request byte by byte would keep a connection for ever. Its
//! graceful shutdown also waits for ever.

mod connection;

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use ::metrics::Gauge;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::connections::Connections;
use super::keep_alive::Stop;
use super::last_response::TOO_MANY_CONNECTIONS;
use super::log_limit::LogLimit;
use super::middleware::{Audience, Middleware, Watchers};
use super::{App, Origins, Timeouts, routes, routes_beyond_the_limit};
use crate::time_limit::within;
pub(super) use connection::Service;

/// How many connections beyond the limit are open at the same time, with shares of their own. Further ones get their answer
/// at once and are closed.
const MAX_BEYOND: usize = 16;

/// The limits of a connection beyond the limit: its head is read for a second, and it gets one answer.
const TIMEOUTS_BEYOND: Timeouts = Timeouts { request: Duration::from_secs(1), keep_alive: Duration::ZERO };

/// The largest size of the request line with all headers, in bytes. The largest token takes half of it.
pub(super) const MAX_HEAD_BYTES: usize = 32 * 1024;

/// How many unsent bytes the kernel may hold (tcp(7), TCP_NOTSENT_LOWAT). Without this limit it holds megabytes, and accepts
/// more only after a slow client has read a third of them. The write timeout would close the connection before that.
#[cfg(target_os = "linux")]
const MAX_UNSENT_BYTES: u32 = 128 * 1024;

/// How much longer an idle connection stays open than the client is told. A request that the client sends at the last
/// moment still arrives in time.
const KEEP_ALIVE_MARGIN: Duration = Duration::from_secs(1);

/// Serves requests on at most `max_connections` connections, until `stop` resolves. Then finishes the requests that are in
/// progress, within `shutdown_timeout`.
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
    let places_beyond = Connections::of_one_answer(MAX_BEYOND, app.trusted_proxies.clone());
    let log_limit = LogLimit::default();
    let connections = TaskTracker::new();
    let stopping = Stop {
        announced: app.stop_announced.clone(),
        begun: CancellationToken::new(),
        ends: CancellationToken::new(),
    };
    let middleware = |routes| {
        let audience = Audience::Clients(Watchers {
            metrics: app.metrics.clone(),
            slow_requests: app.slow_requests.clone(),
            traces: app.traces.clone(),
            has_positions: app.has_replicas,
            trusted_proxies: app.trusted_proxies.clone(),
        });
        Arc::new(Middleware::new(routes, origins.clone(), connections.clone(), audience))
    };
    let metrics = app.metrics.as_deref();
    let service = Service {
        middleware: middleware(routes(&app)),
        timeouts,
        stop: stopping.clone(),
        is_beyond: false,
        open: metrics.map_or(Gauge::noop(), |metrics| metrics.open_connections.clone()),
    };
    let service_beyond = Service {
        middleware: middleware(routes_beyond_the_limit(&app)),
        timeouts: TIMEOUTS_BEYOND,
        stop: stopping.of_one_answer(),
        is_beyond: true,
        open: Gauge::noop(),
    };
    if let Some(metrics) = metrics {
        metrics.connections_limit.set(max_connections as f64);
    }
    let admit = async |stream, peer: SocketAddr| {
        if let Some(place) = places.place(peer).await {
            connections.spawn(service.clone().serve(stream, peer, place));
            return;
        }
        if let Some(metrics) = metrics {
            metrics.refused_connections.increment(1);
        }
        if log_limit.admit(b"too many connections").is_some() {
            tracing::warn!(
                source.address = %peer.ip(),
                source.port = peer.port(),
                "too many connections: this line comes once a minute"
            );
        }
        match places_beyond.place(peer).await {
            Some(place) => drop(connections.spawn(service_beyond.clone().serve(stream, peer, place))),
            None => TOO_MANY_CONNECTIONS.send_at_once(stream, &service_beyond.middleware.new_id()),
        }
    };
    let mut stop = pin!(stop);
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener) => accepted,
            () = &mut stop => break,
        };
        if let Some((stream, peer)) = accepted {
            admit(stream, peer).await;
        }
    }

    // The system has accepted these already: their clients may have sent a request, and a balancer does not repeat a POST.
    for (stream, peer) in waiting(listener, max_connections) {
        admit(stream, peer).await;
    }
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
        tracing::warn!(
            rowkeep.open_connections = connections.len(),
            "stopped while connections were still open"
        );
        stopping.ends.cancel();
        let _ = within(Duration::ZERO, connections.wait()).await;
    }
}

/// The connections that wait to be accepted, at most `limit`. Closes the listener.
fn waiting(listener: TcpListener, limit: usize) -> Vec<(TcpStream, SocketAddr)> {
    let Ok(listener) = listener.into_std() else { return Vec::new() };
    let accepted = std::iter::from_fn(|| listener.accept().ok()).take(limit);
    let registered = accepted.filter_map(|(stream, peer)| {
        stream.set_nonblocking(true).ok()?;
        Some((TcpStream::from_std(stream).ok()?, peer))
    });
    registered.collect()
}

/// The next connection. If there is none, pauses.
pub(super) async fn accept(listener: &TcpListener) -> Option<(TcpStream, SocketAddr)> {
    match listener.accept().await {
        Ok(accepted) => Some(accepted),
        Err(error) => {
            // The client has disconnected already, or no file descriptor is left until other connections end.
            tracing::warn!(error.message = %error, "cannot accept a connection");
            sleep(Duration::from_millis(50)).await;
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn connections_that_the_system_has_accepted_are_there_after_the_listener_was_closed() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        // They stay open until the end.
        let [mut first, _second, _third, _fourth, _fifth] =
            [(); 5].map(|()| std::net::TcpStream::connect(address).expect("a connection"));

        let mut waiting = waiting(listener, 4);

        assert_eq!(waiting.len(), 4, "the limit");
        assert!(std::net::TcpStream::connect(address).is_err(), "the listener is closed");
        let (stream, peer) = waiting.remove(0);
        assert_eq!(peer, first.local_addr().expect("an address"));
        stream.writable().await.expect("a connection");
        assert_eq!(stream.try_write(b"here").ok(), Some(4));
        let mut answer = [0; 4];
        std::io::Read::read_exact(&mut first, &mut answer).expect("an answer");
        assert_eq!(&answer, b"here");
    }
}
