//! On which node of a distributed database (Citus) the rows of a user are.
//!
//! Only the shares of turns depend on it: Citus itself finds the node of each statement. So a map that is older than the last
//! move of a shard makes nothing wrong.

use crate::auth::UserId;

/// The nodes, and which hashes of a user id each has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct NodeMap(pub(super) Vec<NodeRanges>);

/// A node, and the first and the last hash of each of its shards of `app.tasks`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NodeRanges {
    pub(super) address: String,
    pub(super) ranges: Vec<(i32, i32)>,
}

impl NodeMap {
    /// The number of the node that has the rows of a user. None if the database is not distributed.
    pub(super) fn node_of(&self, user: &UserId) -> Option<usize> {
        if self.0.is_empty() {
            return None;
        }
        let hash = hash(user.as_str().as_bytes());
        self.0
            .iter()
            .position(|node| node.ranges.iter().any(|(first, last)| (*first..=*last).contains(&hash)))
    }
}

/// PostgreSQL's `hashtext`, by which Citus distributes a text: Bob Jenkins' lookup3 of 2006, with another start value
/// (`hash_bytes` in src/common/hashfn.c of PostgreSQL).
fn hash(bytes: &[u8]) -> i32 {
    let start = 0x9e37_79b9_u32.wrapping_add(bytes.len() as u32).wrapping_add(3_923_095);
    let mut words = [start; 3];
    let (blocks, rest) = bytes.as_chunks::<12>();
    for block in blocks {
        add(&mut words, block);
        mix(&mut words);
    }
    // The lowest byte of the last word belongs to the length.
    let mut last = [0; 12];
    for (at, byte) in rest.iter().enumerate() {
        if let Some(place) = last.get_mut(if at < 8 { at } else { at + 1 }) {
            *place = *byte;
        }
    }
    add(&mut words, &last);
    finish(words) as i32
}

/// Adds a block to the state, as three numbers in little-endian order.
fn add(words: &mut [u32; 3], block: &[u8; 12]) {
    for (word, bytes) in words.iter_mut().zip(block.as_chunks::<4>().0) {
        *word = word.wrapping_add(u32::from_le_bytes(*bytes));
    }
}

/// Mixes the state after a block.
fn mix([a, b, c]: &mut [u32; 3]) {
    for (step, bits) in [4, 6, 8, 16, 19, 4].into_iter().enumerate() {
        // The words change their parts at each step.
        let (x, y, z) = match step % 3 {
            0 => (&mut *a, &*b, &mut *c),
            1 => (&mut *b, &*c, &mut *a),
            _ => (&mut *c, &*a, &mut *b),
        };
        *x = x.wrapping_sub(*z) ^ z.rotate_left(bits);
        *z = z.wrapping_add(*y);
    }
}

/// Mixes the state after the last block. Returns the hash.
fn finish([mut a, mut b, mut c]: [u32; 3]) -> u32 {
    for (step, bits) in [14, 11, 25, 16, 4, 14, 24].into_iter().enumerate() {
        let (x, y) = match step % 3 {
            0 => (&mut c, b),
            1 => (&mut a, c),
            _ => (&mut b, a),
        };
        *x = (*x ^ y).wrapping_sub(y.rotate_left(bits));
    }
    c
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_that_of_postgres() {
        // select t, hashtext(t)
        for (text, expected) in [
            ("", -1477818771),
            ("a", 1075015857),
            ("abc", -785388649),
            ("abcd", -393934804),
            ("alice", 791529341),
            ("abcdefgh", -1960928205),
            ("abcdefghi", -92131489),
            ("abcdefghijk", -1483803693),
            ("abcdefghijkl", -1586087212),
            ("abcdefghijklm", 405849808),
            ("12345678-1234-1234-1234-123456789012", -175368928),
            ("Grüße €", 256073532),
        ] {
            assert_eq!(hash(text.as_bytes()), expected, "{text:?}");
        }
    }

    #[test]
    fn a_user_is_on_the_node_that_has_the_hash_and_nowhere_if_nothing_is_distributed() {
        let node = |address: &str, ranges: &[(i32, i32)]| NodeRanges {
            address: address.into(),
            ranges: ranges.to_vec(),
        };
        let map = NodeMap(vec![
            node("one:5432", &[(i32::MIN, -1)]),
            node("two:5432", &[(0, 999), (1000, i32::MAX)]),
        ]);

        for name in ["alice", "bob", "carol", "dora", "emil"] {
            let user = UserId::from(name);
            assert_eq!(map.node_of(&user), Some(usize::from(hash(name.as_bytes()) >= 0)), "{name}");
            assert_eq!(NodeMap::default().node_of(&user), None);
        }
    }
}
