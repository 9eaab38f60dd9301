//! What the last look at the database told about its policies.

use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

/// Whether the policies restrict requests, and since when that is known; none before the first look.
#[derive(Default)]
pub(in crate::http) struct Protection(Mutex<Option<(bool, SystemTime)>>);

impl Protection {
    /// Notes what a look has found, now.
    pub(in crate::http) fn is(&self, protected: bool) {
        let found = (protected, SystemTime::now());
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(found);
    }

    /// What the last look has found, and when.
    pub(in crate::http) fn last(&self) -> Option<(bool, SystemTime)> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
