//! Limits for the memory of large responses, which stay in memory until their clients have read them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use crate::auth::UserId;

/// Responses, and pages of a whole list, of at most this many bytes are not counted: the limit for connections bounds them.
/// A single task always fits: the largest takes 9 KB.
pub(super) const UNCOUNTED_BYTES: usize = 16 * 1024;

/// How many bytes all counted responses may take together. A page of a thousand tasks of the largest size takes 9 MB.
const MAX_TOTAL_BYTES: usize = 80 * 1024 * 1024;

/// How many bytes the large responses of one user may take. A user who reads slowly must not use up the memory of the
/// others.
const MAX_USER_BYTES: usize = 20 * 1024 * 1024;

/// Counts bytes, in all and for each user.
///
/// Not semaphores: one for each user would need the same map, and a second rule for when an entry can go.
#[derive(Clone)]
pub(super) struct MemoryLimit(Arc<Mutex<Usage>>);

struct Usage {
    max_total: usize,
    max_of_user: usize,
    total: usize,
    /// Only users who have reserved bytes. What belongs to no user counts as that of one.
    by_user: HashMap<Option<UserId>, usize>,
}

impl MemoryLimit {
    pub(super) fn new(max_total: usize, max_of_user: usize) -> Self {
        Self(Arc::new(Mutex::new(Usage { max_total, max_of_user, total: 0, by_user: HashMap::new() })))
    }

    /// Counts bytes of a user until the reservation is dropped; `None` if they do not fit. One reservation may take half of
    /// what is left, so that long responses leave room for shorter ones.
    pub(super) fn reserve(&self, user: Option<&UserId>, size: usize) -> Option<Reservation> {
        let user = user.cloned();
        let mut usage = self.usage();
        let of_user = usage.by_user.get(&user).copied().unwrap_or(0) + size;
        if of_user > usage.max_of_user || size > (usage.max_total - usage.total) / 2 {
            return None;
        }
        usage.total += size;
        usage.by_user.insert(user.clone(), of_user);
        Some(Reservation { user, size, limit: self.clone() })
    }

    fn usage(&self) -> MutexGuard<'_, Usage> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bytes that are counted.
pub(super) struct Reservation {
    user: Option<UserId>,
    size: usize,
    limit: MemoryLimit,
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let mut usage = self.limit.usage();
        usage.total -= self.size;
        let of_user = usage.by_user.get(&self.user).copied().unwrap_or(0) - self.size;
        if of_user > 0 {
            usage.by_user.insert(self.user.take(), of_user);
        } else {
            usage.by_user.remove(&self.user);
        }
    }
}

/// The memory of large responses.
#[derive(Clone)]
pub struct ResponseMemory(MemoryLimit);

impl Default for ResponseMemory {
    fn default() -> Self {
        Self(MemoryLimit::new(MAX_TOTAL_BYTES, MAX_USER_BYTES))
    }
}

impl ResponseMemory {
    /// Turns a JSON text into the body of a response to `user`. Its memory is counted until the body is dropped, after it
    /// was sent or its client disconnected.
    ///
    /// # Errors
    /// Returns the text if it does not fit into a limit.
    pub fn reserve(&self, mut json: Vec<u8>, user: &UserId) -> Result<Bytes, Vec<u8>> {
        if json.len() <= UNCOUNTED_BYTES {
            return Ok(json.into());
        }
        let Some(reservation) = self.0.reserve(Some(user), json.len()) else { return Err(json) };
        // The buffer may have grown to twice the length of the text.
        json.shrink_to_fit();
        Ok(Bytes::from_owner(Reserved { json, _reservation: reservation }))
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
