//! Cursors: the encrypted position at which the next page of a list begins. Where replicas serve reads, also what the pages
//! before have seen of the database.
//!
//! A cursor grants no access: the token and the policies decide which rows a user sees. It is encrypted because it can
//! hold the title of a task, and URLs end up in the logs of proxies. It is padded, so that its length does not tell the length
//! of the title. It is authenticated so that a cursor of another list is refused, and not taken for a position in this one.

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod wal_position;

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, Nonce, UnboundKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use serde::{Deserialize, Serialize};

use crate::auth::UserId;
use crate::session::WalPosition;
use crate::tasks::{Listing, Position};

/// The first byte of every cursor. It changes with the layout of the rest.
const VERSION: u8 = 1;

/// The nonce is constant, so the same position in the same list gives the same cursor. AES-GCM-SIV allows this: a reused
/// nonce reveals only whether two plaintexts are equal (RFC 8452, section 9).
const NONCE: [u8; 12] = [0; 12];

/// The lengths of encrypted positions: with a title, and with an id or a time. The longest title takes 1,234 bytes as JSON:
/// 200 control characters of 6 bytes, and an id. A position in the log takes up to 55 more: what does not fit takes a
/// multiple.
///
/// The padding is white space after the JSON text, which every release ignores.
const LENGTHS: (usize, usize) = (1248, 96);

/// Where the next page of a list begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Next {
    /// After this position, in a state of the database that has at least what the pages before have seen.
    Since(Position, WalPosition),
    /// After this position.
    After(Position),
}

impl Next {
    pub fn new(after: Position, seen: Option<WalPosition>) -> Self {
        match seen {
            Some(seen) => Self::Since(after, seen),
            None => Self::After(after),
        }
    }

    /// The position, and what the page must see.
    pub fn parts(self) -> (Position, Option<WalPosition>) {
        match self {
            Self::Since(after, seen) => (after, Some(seen)),
            Self::After(after) => (after, None),
        }
    }

    fn position(&self) -> &Position {
        match self {
            Self::Since(after, _) | Self::After(after) => after,
        }
    }
}

/// Encrypts and decrypts cursors.
pub struct Cursors(LessSafeKey);

impl Cursors {
    /// Takes a key of 32 bytes; `None` if it has another length.
    pub fn new(key: &[u8]) -> Option<Self> {
        Some(Self(LessSafeKey::new(UnboundKey::new(&AES_256_GCM_SIV, key).ok()?)))
    }

    /// Encrypts where the next page of a list of `user` begins; `None` if that fails, which should never happen.
    pub fn encrypt(&self, next: &Next, user: &UserId, listing: &Listing) -> Option<String> {
        let mut bytes = serde_json::to_vec(next).ok()?;
        let length = if matches!(next.position(), Position::Title(..)) { LENGTHS.0 } else { LENGTHS.1 };
        bytes.resize(bytes.len().next_multiple_of(length), b' ');
        let nonce = Nonce::assume_unique_for_key(NONCE);
        self.0.seal_in_place_append_tag(nonce, associated_data(user, listing)?, &mut bytes).ok()?;
        bytes.insert(0, VERSION);
        Some(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Decrypts a cursor of this list and this user; `None` if it is not one.
    pub fn decrypt(&self, cursor: &str, user: &UserId, listing: &Listing) -> Option<Next> {
        let mut bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
        let (&mut VERSION, encrypted) = bytes.split_first_mut()? else { return None };
        let nonce = Nonce::assume_unique_for_key(NONCE);
        let next = self.0.open_in_place(nonce, associated_data(user, listing)?, encrypted).ok()?;
        serde_json::from_slice(next).ok()
    }
}

/// A cursor is valid only with the same user, filter and order. They are authenticated, not stored in the cursor.
fn associated_data(user: &UserId, listing: &Listing) -> Option<Aad<Vec<u8>>> {
    serde_json::to_vec(&(VERSION, user.as_str(), listing)).ok().map(Aad::from)
}
