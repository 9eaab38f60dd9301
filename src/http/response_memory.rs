//! A limit for the memory of large responses, which stay in memory until their clients have read them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use crate::auth::UserId;

/// Responses, and pages of a whole list, of at most this many bytes are not counted: the limit for connections bounds them.
/// A single task always fits: the largest takes 9 KB.
pub(super) const UNCOUNTED_BYTES: usize = 16 * 1024;

/// How many bytes all counted responses may take together. Each may take half of what is left, so that long ones leave room
/// for shorter ones. A page of a thousand tasks of the largest size takes 9 MB.
const MAX_TOTAL_BYTES: usize = 80 * 1024 * 1024;

/// How many bytes the large responses of one user may take. A user who reads slowly must not use up the memory of the
/// others.
const MAX_USER_BYTES: usize = 20 * 1024 * 1024;

/// Counts the bytes of large responses, in all and for each user.
///
/// Not semaphores: one for each user would need the same map, and a second rule for when an entry can go.
#[derive(Clone, Default)]
pub struct ResponseMemory(Arc<Mutex<Usage>>);

#[derive(Default)]
struct Usage {
    total: usize,
    /// Only users who have large responses right now.
    by_user: HashMap<UserId, usize>,
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
        if !self.usage().add(user, json.len()) {
            return Err(json);
        }
        // The buffer may have grown to twice the length of the text.
        json.shrink_to_fit();
        Ok(Bytes::from_owner(Reserved { json, user: user.clone(), memory: self.clone() }))
    }

    fn usage(&self) -> MutexGuard<'_, Usage> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Usage {
    fn add(&mut self, user: &UserId, size: usize) -> bool {
        let of_user = self.by_user.get(user).copied().unwrap_or(0) + size;
        let fits = of_user <= MAX_USER_BYTES && size <= (MAX_TOTAL_BYTES - self.total) / 2;
        if fits {
            self.total += size;
            self.by_user.insert(user.clone(), of_user);
        }
        fits
    }

    fn subtract(&mut self, user: &UserId, size: usize) {
        self.total -= size;
        let of_user = self.by_user.get(user).copied().unwrap_or(0) - size;
        if of_user > 0 {
            self.by_user.insert(user.clone(), of_user);
        } else {
            self.by_user.remove(user);
        }
    }
}

/// A large body that is counted.
struct Reserved {
    json: Vec<u8>,
    user: UserId,
    memory: ResponseMemory,
}

impl AsRef<[u8]> for Reserved {
    fn as_ref(&self) -> &[u8] {
        &self.json
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.memory.usage().subtract(&self.user, self.json.len());
    }
}
