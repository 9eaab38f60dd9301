//! The limit of open files: each connection is one.

use rustix::process::{Resource, getrlimit, setrlimit};

use super::Failure;
use crate::http::{MAX_ADMIN_CONNECTIONS, MAX_CONNECTIONS};

/// Enough for every connection, for the largest pool, and more to spare.
const WANTED: u64 = 2 * MAX_CONNECTIONS as u64;

/// Files that are neither connections of clients nor of the pool: the log, the listener, the files of the runtime, requests
/// to issuers, and connections that are being turned away.
const RESERVED: u64 = 32;

/// How many connections of clients this process can have beside a pool of `pool_size` and a listener for operators. Raises the
/// process's own limit, which many systems set to 1024, as far as the system's hard limit allows.
///
/// # Errors
/// If there are not enough files for any connection.
pub(super) fn max_connections(pool_size: u32, has_admin: bool) -> Result<usize, Failure> {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < WANTED) {
        limit.current = Some(limit.maximum.map_or(WANTED, |maximum| maximum.min(WANTED)));
        if let Err(error) = setrlimit(Resource::Nofile, limit) {
            tracing::warn!(error.message = %error, "cannot raise the limit of open files");
            limit = getrlimit(Resource::Nofile);
        }
    }

    let of_operators = if has_admin { MAX_ADMIN_CONNECTIONS as u64 } else { 0 };
    let needed = u64::from(pool_size) + RESERVED + of_operators;
    match limit.current.map(|files| files.saturating_sub(needed)) {
        None => Ok(MAX_CONNECTIONS),
        Some(0) => Err(format!(
            "this process may open {} files, and needs {needed} and one for each client: raise the limit (ulimit -n) or \
             lower DATABASE_POOL_SIZE",
            limit.current.unwrap_or_default()
        )
        .into()),
        Some(left) => Ok(usize::try_from(left).map_or(MAX_CONNECTIONS, |left| left.min(MAX_CONNECTIONS))),
    }
}
