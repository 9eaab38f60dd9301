//! Cursors: where a list goes on, sealed so that it means something to this server alone, and in one list alone.
//!
//! A cursor grants nothing: whose tasks a list has is decided by the token and the policies, whatever a cursor says. It is
//! sealed because it holds the title of a task and ends up in addresses and in the logs of proxies, and so that one from
//! another list is refused instead of being taken for a place in this one.

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, Nonce, UnboundKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::auth::UserId;
use crate::tasks::{Listing, Position};

/// The first byte of every cursor: the layout of the rest. Another layout is another number.
const VERSION: u8 = 1;

/// The same place in the same list is the same cursor, which this cipher allows: that two cursors are equal is all that a
/// nonce which is used again gives away (RFC 8452, section 9).
const NONCE: [u8; 12] = [0; 12];

/// Seals and opens cursors.
pub struct Cursors(LessSafeKey);

impl Cursors {
    /// With this key, of 32 bytes; none, when it has another length.
    pub fn new(key: &[u8]) -> Option<Self> {
        Some(Self(LessSafeKey::new(UnboundKey::new(&AES_256_GCM_SIV, key).ok()?)))
    }

    /// The cursor of a place in a list of `user`'s; none, if it cannot be written, which only a lack of memory explains.
    pub fn seal(&self, position: &Position, user: &UserId, listing: &Listing) -> Option<String> {
        let mut sealed = serde_json::to_vec(position).ok()?;
        let nonce = Nonce::assume_unique_for_key(NONCE);
        self.0.seal_in_place_append_tag(nonce, binding(user, listing)?, &mut sealed).ok()?;
        sealed.insert(0, VERSION);
        Some(URL_SAFE_NO_PAD.encode(sealed))
    }

    /// The place that a cursor of this very list stands for; none, if it is anything else.
    pub fn open(&self, cursor: &str, user: &UserId, listing: &Listing) -> Option<Position> {
        let mut bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
        let (&mut VERSION, sealed) = bytes.split_first_mut()? else { return None };
        let nonce = Nonce::assume_unique_for_key(NONCE);
        let position = self.0.open_in_place(nonce, binding(user, listing)?, sealed).ok()?;
        serde_json::from_slice(position).ok()
    }
}

/// What a cursor is bound to, and does not hold: the user, which tasks, and in what order.
fn binding(user: &UserId, listing: &Listing) -> Option<Aad<Vec<u8>>> {
    serde_json::to_vec(&(VERSION, user.as_str(), listing)).ok().map(Aad::from)
}
