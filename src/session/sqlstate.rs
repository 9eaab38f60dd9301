//! Turns errors of the database into refusals.

use std::error::Error as _;
use std::io;

use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

use crate::database::describe;
use crate::refusal::{ConstraintMessages, Refusal};

/// Turns a database error into a refusal, by its SQLSTATE (PostgreSQL manual, appendix A).
///
/// The message text does not decide: servers translate it. Other fields do not decide either: a distributed database
/// leaves them out.
pub(super) fn refusal(error: &Error, messages: &ConstraintMessages) -> Refusal {
    let Some(state) = error.code() else {
        let is_lost = error.is_closed() || error.source().is_some_and(|source| source.is::<io::Error>());
        let cause = describe(error).into();
        return if is_lost { Refusal::Busy(cause) } else { Refusal::Broken(cause) };
    };

    match state.code() {
        // check_violation
        "23514" => {
            let message = constraint_name(error).and_then(|name| messages.0.get(name)).cloned();
            Refusal::invalid(message.unwrap_or_else(|| "a value breaks a rule of the database".into()))
        }
        // character_not_in_repertoire: U+0000 is the only character that Rust can hold and Postgres cannot.
        "22021" => Refusal::invalid("text must not contain the character U+0000"),
        // string_data_right_truncation
        "22001" => Refusal::invalid("a text is too long"),
        _ if is_temporary(state) => Refusal::Busy(describe(error).into()),
        _ => Refusal::Broken(describe(error).into()),
    }
}

/// Whether the prepared statements of a connection no longer fit the schema. Another connection prepares them anew.
pub(super) fn is_stale_statement(error: &Error) -> bool {
    let code = error.code().map(SqlState::code);
    matches!(
        code,
        Some(
            "0A000" // feature_not_supported: "cached plan must not change result type"
                | "26000" // invalid_sql_statement_name
        )
    )
}

/// Whether the error has nothing to do with the request, so that the same request may succeed later.
fn is_temporary(state: &SqlState) -> bool {
    let code = state.code();
    matches!(
        code,
        "40001" // serialization_failure
            | "40P01" // deadlock_detected
            | "55P03" // lock_not_available
            | "57014" // query_canceled, also by statement_timeout
            | "25006" // read_only_sql_transaction: a standby, or a primary that was demoted
            | "25P03" // idle_in_transaction_session_timeout
    ) || code.starts_with("53") // insufficient resources, such as too many connections
        || code.starts_with("57P") // shutting down, crashed, starting up
        || code.starts_with("08") // connection exceptions
}

/// The constraint that a check_violation names. A node of a distributed database sends the name only in the message,
/// in quotes.
fn constraint_name(error: &Error) -> Option<&str> {
    let error = error.as_db_error()?;
    error.constraint().or_else(|| error.message().rsplit('"').nth(1))
}
