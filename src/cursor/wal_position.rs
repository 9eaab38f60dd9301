//! Positions in the write-ahead log, as clients keep them (`X-Rowkeep-Position`).
//!
//! They are encrypted with the key of cursors, since they tell how much all users write. Each has a nonce of its own: otherwise
//! two equal ones would tell that nobody has written in between. They are bound to their purpose, so that a cursor is no
//! position, and to their user, so that nobody can try with the position of somebody else when that user has written.

use aws_lc_rs::aead::{Aad, Nonce};
use aws_lc_rs::rand;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::Cursors;
use crate::auth::UserId;
use crate::session::WalPosition;

/// The first byte of every position. It changes with the layout of the rest.
const VERSION: u8 = 1;

const NONCE_BYTES: usize = 12;

impl Cursors {
    /// Encrypts a position in the log for `user`; `None` if that fails, which should never happen.
    pub fn encrypt_wal_position(&self, position: WalPosition, user: &UserId) -> Option<String> {
        let mut nonce = [0; NONCE_BYTES];
        rand::fill(&mut nonce).ok()?;
        let mut encrypted = [&position.timeline.to_be_bytes()[..], &position.lsn.to_be_bytes()].concat();
        let sealing = Nonce::assume_unique_for_key(nonce);
        self.0.seal_in_place_append_tag(sealing, associated_data(user)?, &mut encrypted).ok()?;
        Some(URL_SAFE_NO_PAD.encode([&[VERSION][..], &nonce, &encrypted].concat()))
    }

    /// Decrypts a position in the log that `user` was given; `None` if it is not one.
    pub fn decrypt_wal_position(&self, text: &str, user: &UserId) -> Option<WalPosition> {
        let mut bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (&mut VERSION, rest) = bytes.split_first_mut()? else { return None };
        let (nonce, encrypted) = rest.split_first_chunk_mut::<NONCE_BYTES>()?;
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let position = self.0.open_in_place(nonce, associated_data(user)?, encrypted).ok()?;
        let (timeline, lsn) = position.split_first_chunk::<4>()?;
        let lsn = <[u8; 8]>::try_from(lsn).ok()?;
        Some(WalPosition { timeline: u32::from_be_bytes(*timeline), lsn: u64::from_be_bytes(lsn) })
    }
}

/// No cursor has the same: its data begins with a number.
fn associated_data(user: &UserId) -> Option<Aad<Vec<u8>>> {
    serde_json::to_vec(&("X-Rowkeep-Position", VERSION, user.as_str())).ok().map(Aad::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cursor::Next;
    use crate::tasks::{Listing, Position, Status};

    const POSITION: WalPosition = WalPosition { timeline: 3, lsn: u64::MAX - 1 };

    fn cursors(key: u8) -> Cursors {
        Cursors::new(&[key; 32]).expect("a key of 32 bytes")
    }

    #[test]
    fn a_position_is_read_by_its_user_and_with_its_key_only() {
        let (alice, bob) = (UserId::from("alice"), UserId::from("bob"));
        let sealed = cursors(1).encrypt_wal_position(POSITION, &alice).expect("a position");

        assert_eq!(cursors(1).decrypt_wal_position(&sealed, &alice), Some(POSITION));
        assert_eq!(cursors(1).decrypt_wal_position(&sealed, &bob), None);
        assert_eq!(cursors(2).decrypt_wal_position(&sealed, &alice), None);
    }

    #[test]
    fn a_position_with_any_bit_flipped_is_none_and_so_is_a_piece_of_one() {
        let alice = UserId::from("alice");
        let sealed = cursors(1).encrypt_wal_position(POSITION, &alice).expect("a position");
        let bytes = URL_SAFE_NO_PAD.decode(&sealed).expect("base64url");

        for bit in 0..8 * bytes.len() {
            let mut forged = bytes.clone();
            *forged.get_mut(bit / 8).expect("a byte") ^= 1 << (bit % 8);
            let forged = URL_SAFE_NO_PAD.encode(forged);
            assert_eq!(cursors(1).decrypt_wal_position(&forged, &alice), None, "bit {bit}");
        }
        for length in 0..bytes.len() {
            let piece = URL_SAFE_NO_PAD.encode(bytes.get(..length).expect("a piece"));
            assert_eq!(cursors(1).decrypt_wal_position(&piece, &alice), None, "{length} bytes");
        }
    }

    #[test]
    fn a_cursor_is_no_position_and_a_position_is_no_cursor() {
        let (alice, list) = (UserId::from("alice"), Listing::newest_first(Status::All));
        let cursor = cursors(1).encrypt(&Next::After(Position::Id(7)), &alice, &list).expect("a cursor");
        let sealed = cursors(1).encrypt_wal_position(POSITION, &alice).expect("a position");

        assert_eq!(cursors(1).decrypt_wal_position(&cursor, &alice), None);
        assert_eq!(cursors(1).decrypt(&sealed, &alice, &list), None);
    }

    #[test]
    fn equal_positions_do_not_look_equal() {
        let alice = UserId::from("alice");
        let seal = || cursors(1).encrypt_wal_position(POSITION, &alice).expect("a position");

        assert_ne!(seal(), seal());
    }
}
