//! The limit of open files: each connection is one.

use rustix::process::{Resource, getrlimit, setrlimit};

use crate::http::MAX_CONNECTIONS;

/// Enough for every connection that the server accepts, with as many again to spare.
const WANTED: u64 = 2 * MAX_CONNECTIONS as u64;

/// Raises the process's own limit, which many systems set to 1024, as far as the system's hard limit allows.
pub(super) fn raise_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < WANTED) {
        limit.current = Some(limit.maximum.map_or(WANTED, |maximum| maximum.min(WANTED)));
        if let Err(error) = setrlimit(Resource::Nofile, limit) {
            tracing::warn!(%error, "cannot raise the limit of open files");
        }
    }
}
