//! Memory for large answers, which are kept until their clients have read them.

use bytes::Bytes;
use tokio::sync::{Semaphore, SemaphorePermit};

/// How much large answers may take together, in KiB: a thousand of the longest tasks are 9 MB for as long as whoever asked
/// for them takes to read them.
const KIBIBYTES: usize = 64 * 1024;

/// From how many bytes on an answer is large. Smaller ones are bounded by the number of connections.
const LARGE: usize = 256 * 1024;

static ROOM: Semaphore = Semaphore::const_new(KIBIBYTES);

struct Held {
    json: Vec<u8>,
    _room: SemaphorePermit<'static>,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.json
    }
}

/// An answer's body, which takes its room until it is sent or its client has gone.
///
/// # Errors
/// The same text, when the answers that others are reading leave no room.
pub fn held(json: Vec<u8>) -> Result<Bytes, Vec<u8>> {
    if json.len() <= LARGE {
        return Ok(json.into());
    }
    let size = u32::try_from(json.capacity().div_ceil(1024)).unwrap_or(u32::MAX);
    match ROOM.try_acquire_many(size) {
        Ok(room) => Ok(Bytes::from_owner(Held { json, _room: room })),
        Err(_) => Err(json),
    }
}
