//! Cursors: the encrypted position at which the next page of a list begins.
//!
//! A cursor grants no access: the token and the policies decide which rows a user sees. It is encrypted because it can
//! hold the title of a task, and URLs end up in the logs of proxies. It is padded, so that its length does not tell the length
//! of the title. It is authenticated so that a cursor of another list is refused, and not taken for a position in this one.

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, Nonce, UnboundKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::auth::UserId;
use crate::tasks::{Listing, Position};

/// The first byte of every cursor. It changes with the layout of the rest.
const VERSION: u8 = 1;

/// The nonce is constant, so the same position in the same list gives the same cursor. AES-GCM-SIV allows this: a reused
/// nonce reveals only whether two plaintexts are equal (RFC 8452, section 9).
const NONCE: [u8; 12] = [0; 12];

/// The lengths of encrypted positions: with a title, and with an id or a time. The longest title takes 1,234 bytes as JSON:
/// 200 control characters of 6 bytes, and an id.
///
/// The padding is white space after the JSON text, which every release ignores.
const LENGTHS: (usize, usize) = (1248, 96);

/// Encrypts and decrypts cursors.
pub struct Cursors(LessSafeKey);

impl Cursors {
    /// Takes a key of 32 bytes; `None` if it has another length.
    pub fn new(key: &[u8]) -> Option<Self> {
        Some(Self(LessSafeKey::new(UnboundKey::new(&AES_256_GCM_SIV, key).ok()?)))
    }

    /// Encrypts a position in a list of `user`; `None` if that fails, which should never happen.
    pub fn encrypt(&self, position: &Position, user: &UserId, listing: &Listing) -> Option<String> {
        let mut bytes = serde_json::to_vec(position).ok()?;
        let length = if matches!(position, Position::Title(..)) { LENGTHS.0 } else { LENGTHS.1 };
        bytes.resize(bytes.len().next_multiple_of(length), b' ');
        let nonce = Nonce::assume_unique_for_key(NONCE);
        self.0.seal_in_place_append_tag(nonce, associated_data(user, listing)?, &mut bytes).ok()?;
        bytes.insert(0, VERSION);
        Some(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Decrypts a cursor of this list and this user; `None` if it is not one.
    pub fn decrypt(&self, cursor: &str, user: &UserId, listing: &Listing) -> Option<Position> {
        let mut bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
        let (&mut VERSION, encrypted) = bytes.split_first_mut()? else { return None };
        let nonce = Nonce::assume_unique_for_key(NONCE);
        let position = self.0.open_in_place(nonce, associated_data(user, listing)?, encrypted).ok()?;
        serde_json::from_slice(position).ok()
    }
}

/// A cursor is valid only with the same user, filter and order. They are authenticated, not stored in the cursor.
fn associated_data(user: &UserId, listing: &Listing) -> Option<Aad<Vec<u8>>> {
    serde_json::to_vec(&(VERSION, user.as_str(), listing)).ok().map(Aad::from)
}
