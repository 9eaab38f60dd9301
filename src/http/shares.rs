//! Shares out a bounded room, so that no owner can keep the others out of it.

use std::collections::HashMap;
use std::hash::Hash;

/// The room that each owner holds.
///
/// The rule is the dynamic threshold of switches (Choudhury and Hahne, "Dynamic queue length thresholds for shared-memory
/// packet switches", IEEE/ACM Transactions on Networking, 1998): an owner may hold a fixed part of the room that is free. So
/// one owner alone gets much, each gets less as the room fills, and some of it is free for an owner who comes later.
pub(super) struct Shares<K> {
    room: usize,
    /// An owner may hold the free room divided by this.
    part: usize,
    taken: usize,
    /// Only owners who hold room.
    by_owner: HashMap<K, usize>,
}

impl<K: Clone + Eq + Hash> Shares<K> {
    pub(super) fn new(room: usize, part: usize) -> Self {
        Self { room, part, taken: 0, by_owner: HashMap::new() }
    }

    pub(super) fn free(&self) -> usize {
        self.room.saturating_sub(self.taken)
    }

    pub(super) fn room(&self) -> usize {
        self.room
    }

    pub(super) fn taken(&self) -> usize {
        self.taken
    }

    /// How much this owner holds.
    pub(super) fn held_by(&self, owner: &K) -> usize {
        self.by_owner.get(owner).copied().unwrap_or(0)
    }

    /// How much more room must be free before this owner may take `size`.
    pub(super) fn missing(&self, owner: &K, size: usize) -> usize {
        ((self.held_by(owner) + size) * self.part).saturating_sub(self.free())
    }

    pub(super) fn take(&mut self, owner: K, size: usize) {
        self.taken += size;
        *self.by_owner.entry(owner).or_default() += size;
    }

    pub(super) fn give_back(&mut self, owner: &K, size: usize) {
        self.taken -= size;
        match self.by_owner.get_mut(owner) {
            Some(held) if *held > size => *held -= size,
            _ => drop(self.by_owner.remove(owner)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes pieces of this size until the share is used up, and returns how many there are.
    fn fill(shares: &mut Shares<u32>, owner: u32, size: usize) -> usize {
        let mut pieces = 0;
        while shares.missing(&owner, size) == 0 {
            shares.take(owner, size);
            pieces += 1;
        }
        pieces
    }

    #[test]
    fn a_share_shrinks_as_the_room_fills_and_never_takes_all_of_it() {
        let mut shares = Shares::new(1000, 1);

        let pieces: Vec<_> = (0..5).map(|owner| fill(&mut shares, owner, 1)).collect();

        assert_eq!(pieces, [500, 250, 125, 63, 31]);
        assert_eq!(shares.free(), 31);
    }

    #[test]
    fn four_owners_leave_a_fifth_as_much_as_the_largest_answer() {
        let mut shares = Shares::new(80 << 20, 4);
        for owner in 0..4 {
            fill(&mut shares, owner, 16 << 10);
        }

        assert_eq!(shares.missing(&4, 8_500_000), 0, "{} bytes are free", shares.free());
    }

    #[test]
    fn room_that_is_given_back_is_free_again_and_its_owner_is_forgotten() {
        let mut shares = Shares::new(1000, 4);
        let pieces = fill(&mut shares, 7, 10);

        (0..pieces).for_each(|_| shares.give_back(&7, 10));

        assert_eq!((pieces, shares.free(), shares.by_owner.len()), (20, 1000, 0));
    }
}
