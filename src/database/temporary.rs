//! Whether an error can pass without anybody changing anything: the one rule for waiting, and for answering 503.

use std::error::Error as _;
use std::io;

use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

/// What PgBouncer says when waiting does not help. Some of it is what Postgres said to PgBouncer. Before release 1.20 all of
/// its errors have the SQLSTATE of `protocol_violation`, so the message must decide. PgBouncer does not translate messages.
const LASTING_POOLER_MESSAGES: [&str; 12] = [
    "no such",
    "authentication failed",
    "auth failed",
    "does not exist",
    "pg_hba.conf",
    "not permitted to log in",
    "not currently accepting connections",
    "not allowed",
    "login rejected",
    "required",
    "unsupported startup parameter",
    "config error",
];

/// Whether waiting can mend the error. It cannot mend a wrong password, a missing database, or a certificate that cannot be
/// verified.
pub fn is_temporary(error: &Error) -> bool {
    match error.as_db_error() {
        Some(db) if db.code().code() == "08P01" => {
            !LASTING_POOLER_MESSAGES.iter().any(|part| db.message().contains(part))
        }
        Some(db) => is_temporary_state(db.code()),
        None => {
            let source = error.source().and_then(|source| source.downcast_ref::<io::Error>());
            error.is_closed() || source.is_some_and(is_temporary_io)
        }
    }
}

/// The same for an error of the network or of TLS.
pub(super) fn is_temporary_io(error: &io::Error) -> bool {
    !matches!(
        error.kind(),
        // A certificate that cannot be verified, or a server that is not Postgres.
        io::ErrorKind::InvalidData
            | io::ErrorKind::InvalidInput
            // A server without TLS.
            | io::ErrorKind::Unsupported
    )
}

/// Whether an error with this SQLSTATE has nothing to do with the request, so that the same request may succeed later.
pub fn is_temporary_state(state: &SqlState) -> bool {
    let code = state.code();
    matches!(
        code,
        "40001" // serialization_failure
            | "40P01" // deadlock_detected
            | "55P03" // lock_not_available
            | "57014" // query_canceled, also by statement_timeout
            | "25006" // read_only_sql_transaction: a standby, or a primary that was demoted
            | "25P03" // idle_in_transaction_session_timeout
            | "25P04" // transaction_timeout
    ) || code.starts_with("53") // insufficient resources, such as too many connections
        || code.starts_with("57P") // shutting down, crashed, starting up
        || code.starts_with("08") // connection exceptions
}
