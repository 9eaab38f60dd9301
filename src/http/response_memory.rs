//! Limits for the memory that clients hold: of large answers until they have read them, and of large bodies.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Notify;

use super::pace::Pace;
use super::shares::Shares;
use crate::auth::UserId;
use crate::refusal::Refusal;
use crate::time_limit::within;

/// Responses, pages of a whole list, and bodies of at most this many bytes are not counted: the limit for connections bounds
/// them. A single task always fits: the largest takes 9 KB. So the answer to a change is never refused for its size.
pub(super) const UNCOUNTED_BYTES: usize = 16 * 1024;

/// How many bytes all that is counted may take together. A page of a thousand tasks of the largest size takes 8.4 MB.
const ROOM: usize = 80 * 1024 * 1024;

/// A user may hold a quarter of what is free: 16 MiB alone. If four users hold all that they may, a fifth still gets the
/// largest page.
const PART: usize = 4;

/// How long a response waits until clients that were cut off have left. That takes one step of a task.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(1);

/// Counts bytes, in all and for each user.
///
/// Not semaphores: one for each user would need the same map, and a second rule for when an entry can go.
#[derive(Clone)]
pub(super) struct MemoryLimit(Arc<State>);

struct State {
    usage: Mutex<Usage>,
    /// Tells that a reservation has ended.
    freed: Notify,
}

struct Usage {
    /// What belongs to no user counts as that of one.
    shares: Shares<Option<UserId>>,
    /// The reservations that last until a client has read.
    readers: HashMap<u64, Reader>,
    next: u64,
}

struct Reader {
    user: Option<UserId>,
    size: usize,
    pace: Arc<Pace>,
}

impl MemoryLimit {
    /// Each user may hold the free part of `room`, divided by `part`.
    pub(super) fn new(room: usize, part: usize) -> Self {
        let usage = Usage { shares: Shares::new(room, part), readers: HashMap::new(), next: 0 };
        Self(Arc::new(State { usage: Mutex::new(usage), freed: Notify::new() }))
    }

    /// Counts bytes of a user until the reservation is dropped; `None` if they do not fit. If they are for a client that reads
    /// them, it can be cut off for others.
    pub(super) fn reserve(
        &self,
        user: Option<&UserId>,
        size: usize,
        reader: Option<&Arc<Pace>>,
    ) -> Option<Reservation> {
        let user = user.cloned();
        let mut usage = self.usage();
        if usage.shares.missing(&user, size) > 0 {
            return None;
        }
        usage.shares.take(user.clone(), size);
        let number = usage.next;
        usage.next += 1;
        if let Some(pace) = reader {
            usage.readers.insert(number, Reader { user: user.clone(), size, pace: pace.clone() });
        }
        Some(Reservation { number, user, size, limit: self.clone() })
    }

    fn usage(&self) -> MutexGuard<'_, Usage> {
        self.0.usage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Usage {
    /// Cuts off as many slow readers of other users as are needed, so that `user` can have this many bytes. The first to go
    /// are those of the users who hold most. Nobody is cut off if that is not enough.
    ///
    /// Returns whether there will be room as soon as they have left.
    fn make_room(&self, user: Option<UserId>, size: usize) -> bool {
        let others = self.readers.values().filter(|reader| reader.user != user);
        let (leaving, staying): (Vec<_>, Vec<_>) = others.partition(|reader| reader.pace.is_cut_off());
        let missing = self.shares.missing(&user, size);
        let mut missing = missing.saturating_sub(leaving.iter().map(|reader| reader.size).sum());
        let mut slow: Vec<_> = staying.into_iter().filter(|reader| reader.pace.is_slow()).collect();
        if slow.iter().map(|reader| reader.size).sum::<usize>() < missing {
            return false;
        }
        slow.sort_by_key(|reader| self.shares.held_by(&reader.user));
        while let Some(reader) = slow.pop_if(|_| missing > 0) {
            reader.pace.cut_off();
            missing = missing.saturating_sub(reader.size);
        }
        true
    }
}

/// Bytes that are counted.
pub(super) struct Reservation {
    number: u64,
    user: Option<UserId>,
    size: usize,
    limit: MemoryLimit,
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let mut usage = self.limit.usage();
        usage.shares.give_back(&self.user, self.size);
        usage.readers.remove(&self.number);
        drop(usage);
        self.limit.0.freed.notify_waiters();
    }
}

/// The memory of large responses and bodies.
#[derive(Clone)]
pub struct ResponseMemory {
    limit: MemoryLimit,
    /// The client that will read the responses.
    client: Option<Arc<Pace>>,
}

impl Default for ResponseMemory {
    fn default() -> Self {
        Self { limit: MemoryLimit::new(ROOM, PART), client: None }
    }
}

impl ResponseMemory {
    /// How many bytes are counted now, and how many may be.
    pub(super) fn taken_and_room(&self) -> (usize, usize) {
        let usage = self.limit.usage();
        (usage.shares.taken(), usage.shares.room())
    }

    /// The same memory, for responses that this client reads.
    pub(super) fn for_client(&self, client: Option<Arc<Pace>>) -> Self {
        Self { limit: self.limit.clone(), client }
    }

    /// Turns a JSON text into the body of a response to `user`. Its memory is counted until the body is dropped, after it
    /// was sent or its client disconnected.
    ///
    /// # Errors
    /// Returns the text if it does not fit into the share of the user.
    pub fn reserve(&self, mut json: Vec<u8>, user: &UserId) -> Result<Bytes, Vec<u8>> {
        if json.len() <= UNCOUNTED_BYTES {
            return Ok(json.into());
        }
        let reservation = self.limit.reserve(Some(user), json.len(), self.client.as_ref());
        let Some(reservation) = reservation else { return Err(json) };
        // The buffer may have grown to twice the length of the text.
        json.shrink_to_fit();
        Ok(Bytes::from_owner(Reserved { json, _reservation: reservation }))
    }

    /// The same for a text that cannot be shortened. If that makes room, clients of others that read slowly are cut off.
    ///
    /// # Errors
    /// [`Refusal::NoMemory`] if the text does not fit into the share of the user all the same.
    pub async fn reserve_with_force(&self, mut json: Vec<u8>, user: &UserId) -> Result<Bytes, Refusal> {
        let reserved = within(LEAVE_TIMEOUT, async {
            loop {
                let freed = self.limit.0.freed.notified();
                json = match self.reserve(json, user) {
                    Ok(body) => return Ok(body),
                    Err(json) => json,
                };
                if !self.limit.usage().make_room(Some(user.clone()), json.len()) {
                    return Err(Refusal::NoMemory);
                }
                freed.await;
            }
        });
        reserved.await.unwrap_or(Err(Refusal::NoMemory))
    }

    /// Counts a body of this size that `user` sends.
    ///
    /// # Errors
    /// [`Refusal::NoMemory`] if it does not fit into the share of the user.
    pub(super) fn reserve_body(&self, size: usize, user: &UserId) -> Result<Reservation, Refusal> {
        self.limit.reserve(Some(user), size, None).ok_or(Refusal::NoMemory)
    }
}

/// A large body that is counted.
struct Reserved {
    json: Vec<u8>,
    _reservation: Reservation,
}

impl AsRef<[u8]> for Reserved {
    fn as_ref(&self) -> &[u8] {
        &self.json
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1024 * 1024;

    /// A client and the answer that it reads, if there was room for it.
    type Client = (Arc<Pace>, Option<Bytes>);

    /// A client of `user` that reads this many MiB.
    fn reader(memory: &ResponseMemory, user: &str, size: usize, slow: bool) -> Client {
        let pace = Arc::new(if slow { Pace::of_a_slow_client() } else { Pace::default() });
        let body = memory.for_client(Some(pace.clone())).reserve(vec![b'x'; size * MIB], &user.into());
        (pace, body.ok())
    }

    /// Readers of 7 MiB of six users, who leave 38 MiB: a newcomer may take a quarter of it.
    fn filled(slow: bool) -> (ResponseMemory, Vec<Client>) {
        let memory = ResponseMemory::default();
        let readers = (0..6).map(|user| reader(&memory, &user.to_string(), 7, slow)).collect();
        (memory, readers)
    }

    #[tokio::test]
    async fn as_many_slow_readers_are_cut_off_as_others_need_and_no_more() {
        let (memory, readers) = filled(true);
        let paces: Vec<_> = readers.iter().map(|(pace, _)| pace.clone()).collect();
        // Each connection ends when it is told so.
        for (pace, body) in readers {
            tokio::spawn(async move {
                pace.cut().await;
                drop(body);
            });
        }

        let body = memory.reserve_with_force(vec![b'x'; 12 * MIB], &"late".into()).await;

        assert!(body.is_ok());
        // 48 MiB must be free: two of the six have to leave.
        assert_eq!(paces.iter().filter(|pace| pace.is_cut_off()).count(), 2);
    }

    #[tokio::test]
    async fn nobody_is_cut_off_if_there_is_room_or_if_it_would_not_be_enough() {
        let (memory, readers) = filled(true);

        let fits = memory.reserve_with_force(vec![b'x'; 9 * MIB], &"late".into()).await;
        let never_fits = memory.reserve_with_force(vec![b'x'; 21 * MIB], &"later".into()).await;

        assert!(fits.is_ok() && matches!(never_fits, Err(Refusal::NoMemory)));
        assert!(readers.iter().all(|(pace, body)| !pace.is_cut_off() && body.is_some()));
    }

    #[tokio::test]
    async fn clients_that_read_fast_enough_are_not_cut_off() {
        let (memory, readers) = filled(false);

        let body = memory.reserve_with_force(vec![b'x'; 12 * MIB], &"late".into()).await;

        assert!(matches!(body, Err(Refusal::NoMemory)));
        assert!(readers.iter().all(|(pace, _)| !pace.is_cut_off()));
    }

    #[tokio::test]
    async fn a_user_gets_no_room_from_clients_of_their_own() {
        let memory = ResponseMemory::default();
        let readers = [reader(&memory, "alice", 7, true), reader(&memory, "alice", 7, true)];

        // 14 MiB more must be free, as much as her clients hold.
        let third = memory.reserve_with_force(vec![b'x'; 6 * MIB], &"alice".into()).await;

        assert!(matches!(third, Err(Refusal::NoMemory)));
        assert!(readers.iter().all(|(pace, body)| !pace.is_cut_off() && body.is_some()));
    }

    #[test]
    fn memory_that_is_given_back_is_free_again() {
        let memory = ResponseMemory::default();
        for _ in 0..10 {
            let (_, body) = reader(&memory, "alice", 15, false);
            assert!(body.is_some());
        }

        assert!(memory.limit.usage().readers.is_empty());
    }
}
