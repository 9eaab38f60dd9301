//! The public keys of every set, as they were last read.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use jsonwebtoken::Algorithm;

use super::key::Key;

/// The keys of one set.
pub(super) type Set = Arc<[Arc<Key>]>;

/// The keys of all sets.
pub(super) struct Ring {
    sets: RwLock<Vec<Set>>,
    /// Moves on whenever a set is replaced.
    generation: AtomicU64,
}

/// What can be meant by a name or an algorithm.
pub(super) enum Found {
    /// No key.
    Nothing,
    /// This key alone.
    One(Arc<Key>),
    /// More than one.
    Several(Vec<Arc<Key>>),
}

impl Ring {
    /// Room for that many sets, all of them empty.
    pub(super) fn of(sets: usize) -> Self {
        Self { sets: RwLock::new(vec![Set::default(); sets]), generation: AtomicU64::new(0) }
    }

    /// The keys of one set.
    pub(super) fn set(&self, at: usize) -> Set {
        self.all().get(at).cloned().unwrap_or_default()
    }

    /// Puts other keys in the place of a set's.
    pub(super) fn replace(&self, at: usize, keys: Set) {
        let mut sets = self.sets.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(set) = sets.get_mut(at) {
            *set = keys;
        }
        self.generation.fetch_add(1, Ordering::Release);
    }

    /// How often sets were replaced.
    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Whether there is any key.
    pub(super) fn has_any(&self) -> bool {
        self.all().iter().any(|set| !set.is_empty())
    }

    /// Whether any key has that name.
    pub(super) fn has(&self, kid: &str) -> bool {
        self.all().iter().flat_map(|set| set.iter()).any(|key| key.kid.as_deref() == Some(kid))
    }

    /// The keys of that algorithm and that name; without a name, of that algorithm.
    pub(super) fn find(&self, algorithm: Algorithm, kid: Option<&str>) -> Found {
        self.look(|key| key.algorithm == algorithm && (kid.is_none() || key.kid.as_deref() == kid))
    }

    /// The keys of that algorithm that have no name.
    pub(super) fn nameless(&self, algorithm: Algorithm) -> Found {
        self.look(|key| key.algorithm == algorithm && key.kid.is_none())
    }

    /// A key that several sets hold is one, and what the first of them expects is expected.
    fn look(&self, wanted: impl Fn(&Key) -> bool) -> Found {
        let sets = self.all();
        let mut found: Vec<Arc<Key>> = Vec::new();
        for key in sets.iter().flat_map(|set| set.iter()).filter(|key| wanted(key)) {
            if !found.iter().any(|known| known.is_same_as(key)) {
                found.push(key.clone());
            }
        }
        match &*found {
            [] => Found::Nothing,
            [only] => Found::One(only.clone()),
            _ => Found::Several(found),
        }
    }

    fn all(&self) -> std::sync::RwLockReadGuard<'_, Vec<Set>> {
        self.sets.read().unwrap_or_else(PoisonError::into_inner)
    }
}
