//! The open connections: how many there may be, and which one is closed for a new one.

mod watched;

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::client_address::{TrustedProxies, client_network};
use super::shares::Shares;
use super::slow_requests::Unwritten;
use crate::time_limit::within;
pub(super) use watched::{AnswerBody, Answering, Watched};

/// The largest number of connections. A machine that allows fewer open files has a lower limit.
pub const MAX_CONNECTIONS: usize = 4096;

/// How long a new connection waits until an idle one has been closed for it. That takes one step of a task. All new connections
/// wait, so that their number is bounded.
const CLOSE_TIMEOUT: Duration = Duration::from_millis(200);

/// The values of [`Slot::idle_since`] that are no time.
const BUSY: u64 = 0;
const CHOSEN: u64 = u64::MAX;

/// The first moment.
const LONG_AGO: u64 = 1;

/// The open connections of a server.
pub(super) struct Connections {
    /// Trusted proxies carry the requests of many clients, and may hold any number of connections.
    trusted_proxies: Arc<TrustedProxies>,
    open: Mutex<Open>,
    closed: Notify,
    started: Instant,
    /// Whether a connection is idle until the head of its request is complete.
    unfinished_heads_are_idle: bool,
}

struct Open {
    slots: HashMap<u64, Arc<Slot>>,
    shares: Shares<IpAddr>,
    next: u64,
}

/// The state of one connection. Only a request of its own makes it busy or idle, so that no request waits for a lock.
struct Slot {
    address: IpAddr,
    /// When it became idle; [`BUSY`] while a request arrives or is answered; [`CHOSEN`] when it is being closed.
    idle_since: AtomicU64,
    /// Whether hyper has taken a whole response, which it may not have written yet.
    answered: AtomicBool,
    /// Whether that response has been written, and nothing of another request has arrived.
    written: AtomicBool,
    /// Whether a response is being made or written. What hyper writes at another time is its own.
    is_due: AtomicBool,
    /// A timed request whose response hyper has taken, and may not have written yet.
    unwritten: Mutex<Option<Unwritten>>,
    chosen: Notify,
}

/// The place of an open connection, which is free again when this is dropped.
pub(super) struct Place {
    connections: Arc<Connections>,
    number: u64,
    slot: Arc<Slot>,
}

impl Connections {
    pub(super) fn new(max: usize, trusted_proxies: Arc<TrustedProxies>) -> Arc<Self> {
        Arc::new(Self::with(max, trusted_proxies, false))
    }

    /// The same, for connections that get one answer: one whose head is not complete gives way, too. Else an address could
    /// fill the places with such heads.
    pub(super) fn of_one_answer(max: usize, trusted_proxies: Arc<TrustedProxies>) -> Arc<Self> {
        Arc::new(Self::with(max, trusted_proxies, true))
    }

    fn with(max: usize, trusted_proxies: Arc<TrustedProxies>, unfinished_heads_are_idle: bool) -> Self {
        let open = Open { slots: HashMap::new(), shares: Shares::new(max, 1), next: 0 };
        Self {
            trusted_proxies,
            open: Mutex::new(open),
            closed: Notify::new(),
            started: Instant::now(),
            unfinished_heads_are_idle,
        }
    }

    /// A place for a new connection from `peer`. An address may hold as many places as are free: half of them if it is the
    /// only one. If it holds its share, closes the connection that has been idle longest, of this address or of one that
    /// holds more.
    ///
    /// None if none of them is idle.
    pub(super) async fn place(self: &Arc<Self>, peer: SocketAddr) -> Option<Place> {
        let address = client_network(peer.ip());
        let is_proxy = self.trusted_proxies.contains(peer.ip());
        loop {
            let closed = self.closed.notified();
            let idle_since = self.unfinished_heads_are_idle.then(|| self.now());
            let taken = self.open().take(address, is_proxy, idle_since);
            match taken {
                Taken::Place(number, slot) => {
                    return Some(Place { connections: self.clone(), number, slot });
                }
                Taken::Closing => within(CLOSE_TIMEOUT, closed).await?,
                Taken::NotIdleAnyMore => {}
                Taken::Nothing => return None,
            }
        }
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nanoseconds since the start, more than 0.
    fn now(&self) -> u64 {
        self.started.elapsed().as_nanos() as u64 + 1
    }
}

enum Taken {
    Place(u64, Arc<Slot>),
    /// A connection is being closed.
    Closing,
    /// A request arrived on the connection that was chosen.
    NotIdleAnyMore,
    Nothing,
}

impl Open {
    fn take(&mut self, address: IpAddr, is_proxy: bool, idle_since: Option<u64>) -> Taken {
        let is_free = if is_proxy { self.shares.free() > 0 } else { self.shares.missing(&address, 1) == 0 };
        if is_free {
            let (number, slot) = (self.next, Arc::new(Slot::new(address, idle_since)));
            self.next += 1;
            self.slots.insert(number, slot.clone());
            self.shares.take(address, 1);
            return Taken::Place(number, slot);
        }
        // The scan is short, and needed only when the share is used up.
        let held = self.shares.held_by(&address);
        let may_close =
            |slot: &Slot| is_proxy || slot.address == address || self.shares.held_by(&slot.address) > held;
        let candidates = self.slots.values().filter(|slot| may_close(slot));
        let candidates = candidates.map(|slot| (slot.idle_since.load(Ordering::Relaxed), slot));
        let candidates: Vec<_> = candidates.filter(|(since, _)| *since != BUSY).collect();
        if candidates.iter().any(|(since, _)| *since == CHOSEN) {
            return Taken::Closing;
        }
        match candidates.into_iter().min_by_key(|(since, _)| *since) {
            Some((since, slot)) if slot.close_if_idle_since(since) => Taken::Closing,
            Some(_) => Taken::NotIdleAnyMore,
            None => Taken::Nothing,
        }
    }

    fn free(&mut self, number: u64) {
        let Some(slot) = self.slots.remove(&number) else { return };
        self.shares.give_back(&slot.address, 1);
    }
}

impl Slot {
    /// Busy until its task has looked for a request, because one may be there already; or idle since a moment, until a head
    /// is complete.
    fn new(address: IpAddr, idle_since: Option<u64>) -> Self {
        Self {
            address,
            idle_since: AtomicU64::new(idle_since.unwrap_or(BUSY)),
            answered: AtomicBool::new(false),
            written: AtomicBool::new(idle_since.is_none()),
            is_due: AtomicBool::new(false),
            unwritten: Mutex::default(),
            chosen: Notify::new(),
        }
    }

    fn unwritten(&self) -> MutexGuard<'_, Option<Unwritten>> {
        self.unwritten.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn close_if_idle_since(&self, since: u64) -> bool {
        let chosen = self.idle_since.compare_exchange(since, CHOSEN, Ordering::Relaxed, Ordering::Relaxed);
        if chosen.is_ok() {
            self.chosen.notify_one();
        }
        chosen.is_ok()
    }

    /// A part of a request has arrived. If the connection was to be closed, it stays open.
    fn becomes_busy(&self) {
        self.written.store(false, Ordering::Relaxed);
        self.idle_since.store(BUSY, Ordering::Relaxed);
    }

    /// The task of the connection looked for a request, and none has arrived.
    fn waits(&self, now: u64) {
        if self.written.swap(false, Ordering::Relaxed) {
            self.idle_since.store(now, Ordering::Relaxed);
        }
    }
}

impl Place {
    /// Resolves when this connection is to be closed for another one.
    pub(super) async fn is_chosen(&self) {
        self.slot.chosen.notified().await;
    }

    /// Marks a connection that only waits for its client to close: it is the first to be closed for another one.
    pub(super) fn lingers(&self) {
        self.slot.idle_since.store(LONG_AGO, Ordering::Relaxed);
    }

    /// Whether no request has arrived since this connection was chosen. If one has, another connection is chosen.
    pub(super) fn is_still_idle(&self) -> bool {
        let is_idle = self.slot.idle_since.load(Ordering::Relaxed) == CHOSEN;
        if !is_idle {
            self.connections.closed.notify_waiters();
        }
        is_idle
    }

    /// Watches the stream of this connection.
    pub(super) fn watch<S>(&self, stream: S) -> Watched<S> {
        Watched::new(stream, self.slot.clone(), self.connections.clone())
    }

    /// Marks the beginning of a response. It lasts until the mark is dropped.
    pub(super) fn answers(&self) -> Answering {
        self.slot.becomes_busy();
        self.slot.answered.store(false, Ordering::Relaxed);
        self.slot.is_due.store(true, Ordering::Relaxed);
        Answering { slot: self.slot.clone(), unwritten: None }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.connections.open().free(self.number);
        self.connections.closed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use tokio::task::JoinHandle;
    use tokio::time::timeout;

    use super::*;

    /// Tries to get a place for a connection from 10.0.0.`client`.
    async fn place(connections: &Arc<Connections>, client: u8) -> Option<Place> {
        let place = connections.place(SocketAddr::from(([10, 0, 0, client], 4711))).await;
        place.inspect(|place| place.slot.waits(connections.now()))
    }

    async fn is_closed(place: &Place) -> bool {
        timeout(Duration::from_millis(20), place.is_chosen()).await.is_ok()
    }

    /// Drops a place as soon as its connection is closed for another one.
    fn until_closed(place: Place) -> JoinHandle<()> {
        tokio::spawn(async move { place.is_chosen().await })
    }

    #[tokio::test]
    async fn the_connection_that_was_idle_longest_is_closed_for_a_new_one() {
        let connections = Connections::new(3, Arc::default());
        let mut places = Vec::new();
        for client in 1..=3 {
            places.push(place(&connections, client).await.expect("a place"));
        }
        // The first one is busy, and the second one has been idle longest.
        let _answering = places.first().map(Place::answers);
        until_closed(places.remove(1));

        let another = place(&connections, 4).await;

        assert!(another.is_some());
        for place in &places {
            assert!(!is_closed(place).await);
        }
    }

    #[tokio::test]
    async fn there_is_no_place_if_every_connection_is_busy() {
        let connections = Connections::new(2, Arc::default());
        let (one, two) = (place(&connections, 1).await, place(&connections, 2).await);
        let places: Vec<_> = one.into_iter().chain(two).collect();
        let _answering: Vec<_> = places.iter().map(Place::answers).collect();

        assert_eq!(places.len(), 2);
        assert!(place(&connections, 3).await.is_none());
        drop(places);
        assert!(place(&connections, 3).await.is_some());
    }

    #[tokio::test]
    async fn an_address_with_half_of_the_places_gets_one_of_its_own() {
        let connections = Connections::new(4, Arc::default());
        let other = place(&connections, 9).await.expect("a place");
        let (first, second) = (place(&connections, 1).await, place(&connections, 1).await);
        let closed = until_closed(first.expect("a place"));

        let third = place(&connections, 1).await;

        assert!(second.is_some() && third.is_some());
        assert!(timeout(Duration::from_secs(10), closed).await.is_ok(), "it has a place more");
        assert!(!is_closed(&other).await, "it was idle longer, but another address took its place");
    }

    #[tokio::test]
    async fn a_trusted_proxy_may_hold_every_place() {
        let proxies = TrustedProxies::parse(&["10.0.0.1".into()]).expect("an address");
        let connections = Connections::new(4, Arc::new(proxies));

        let mut places = Vec::new();
        for _ in 0..4 {
            let place = place(&connections, 1).await.expect("a place");
            let answering = place.answers();
            places.push((place, answering));
        }

        assert!(place(&connections, 1).await.is_none());
    }
}
