//! Memory for large answers, which are kept until their clients have read them.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use crate::auth::UserId;

/// From how many bytes on an answer is large. Smaller ones are bounded by the number of connections.
const LARGE: usize = 256 * 1024;

/// How many bytes large answers may take together. A thousand of the longest tasks are 9 MB, for as long as whoever asked
/// for them takes to read them.
const ROOM: usize = 64 * 1024 * 1024;

/// How many of them may be one user's: nobody is to take the others' room by reading slowly.
const SHARE: usize = 20 * 1024 * 1024;

#[derive(Default)]
struct Room {
    taken: usize,
    /// By whom; who has nothing is not there.
    shares: HashMap<UserId, usize>,
}

static TAKEN: LazyLock<Mutex<Room>> = LazyLock::new(Mutex::default);

fn taken() -> MutexGuard<'static, Room> {
    TAKEN.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Room {
    fn take(&mut self, user: &UserId, size: usize) -> bool {
        let share = self.shares.get(user).copied().unwrap_or(0) + size;
        let fits = share <= SHARE && self.taken + size <= ROOM;
        if fits {
            self.taken += size;
            self.shares.insert(user.clone(), share);
        }
        fits
    }

    fn give_back(&mut self, user: &UserId, size: usize) {
        self.taken -= size;
        let share = self.shares.get(user).copied().unwrap_or(0) - size;
        if share > 0 {
            self.shares.insert(user.clone(), share);
        } else {
            self.shares.remove(user);
        }
    }
}

/// A large answer that has its room.
struct Held {
    json: Vec<u8>,
    user: UserId,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.json
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        taken().give_back(&self.user, self.json.len());
    }
}

/// The body of an answer to `user`, which takes its room until it is sent or its client has gone.
///
/// # Errors
/// The same text, when the answers that they or others are reading leave no room.
pub fn held(mut json: Vec<u8>, user: &UserId) -> Result<Bytes, Vec<u8>> {
    if json.len() <= LARGE {
        return Ok(json.into());
    }
    if !taken().take(user, json.len()) {
        return Err(json);
    }
    // As it grew it may have become twice as long.
    json.shrink_to_fit();
    Ok(Bytes::from_owner(Held { json, user: user.clone() }))
}
