//! Turns errors of the database into refusals.

use std::error::Error as _;
use std::io;

use tokio_postgres::Error;
use tokio_postgres::error::{Severity, SqlState};

use crate::database::{describe, is_temporary_state};
use crate::refusal::{ConstraintMessages, Refusal};

/// Turns a database error into a refusal, by its SQLSTATE (PostgreSQL manual, appendix A).
///
/// The message text does not decide: servers translate it. Other fields do not decide either: a distributed database
/// leaves them out.
pub(super) fn refusal(error: &Error, messages: &ConstraintMessages) -> Refusal {
    let Some(state) = error.code() else {
        let cause = describe(error).into();
        return if is_lost(error) { Refusal::Busy(cause) } else { Refusal::Broken(cause) };
    };

    match state.code() {
        // check_violation
        "23514" => Refusal::invalid(
            message_of(error, messages).unwrap_or_else(|| "a value breaks a rule of the database".into()),
        ),
        // character_not_in_repertoire: U+0000 is the only character that Rust can hold and Postgres cannot.
        "22021" => Refusal::invalid("text must not contain the character U+0000"),
        // string_data_right_truncation
        "22001" => Refusal::invalid("a text is too long"),
        // unique_violation
        "23505" => Refusal::Broken(format!("{}{}", describe(error), sequence_advice(error)).into()),
        _ if is_temporary_state(state) || makes_connection_unusable(error) => {
            Refusal::Busy(describe(error).into())
        }
        _ => Refusal::Broken(describe(error).into()),
    }
}

/// Whether the connection to Postgres was lost.
pub(super) fn is_lost(error: &Error) -> bool {
    error.is_closed() || error.source().is_some_and(|source| source.is::<io::Error>())
}

/// Whether the connection must not be used again after this error.
pub(super) fn makes_connection_unusable(error: &Error) -> bool {
    is_stale_plan(error)
        || lost_prepared_statement(error)
        || matches!(
            error.code().map(SqlState::code),
            Some(
                "25006" // read_only_sql_transaction: this server is not the primary any more
                    | "57P01" // admin_shutdown
                    | "57P02" // crash_shutdown
                    | "57P03" // cannot_connect_now
            )
        )
}

/// Whether the other connections of the pool probably have the same problem: a server that is read only now, a schema that
/// has changed, or a network that has forgotten its connections.
pub(super) fn concerns_other_connections(error: &Error) -> bool {
    match error.code() {
        Some(state) => state.code() == "25006" || is_stale_plan(error),
        None => is_lost(error),
    }
}

/// Whether the statement took longer than its limit. It would take as long elsewhere.
pub(super) fn is_cancelled(error: &Error) -> bool {
    // query_canceled, transaction_timeout
    matches!(error.code().map(SqlState::code), Some("57014" | "25P04"))
}

/// Whether the server has gone, or goes.
pub(super) fn is_of_lost_server(error: &Error) -> bool {
    match error.code().map(SqlState::code) {
        // A conflict with the replay can end a connection with 40001. The server stays.
        Some(state) => state.starts_with("08") || matches!(state, "57P01" | "57P02" | "57P03"),
        None => is_lost(error),
    }
}

/// Whether a prepared statement is missing, or is another one. Then a connection pooler is between: our names are unique.
pub(super) fn lost_prepared_statement(error: &Error) -> bool {
    match error.code().map(SqlState::code) {
        // invalid_sql_statement_name, duplicate_prepared_statement
        Some("26000" | "42P05") => true,
        // protocol_violation: other parameters than the statement has. Poolers end connections with the same code.
        Some("08P01") => !is_fatal(error),
        _ => false,
    }
}

/// Whether the connection ended with this error.
pub(super) fn is_fatal(error: &Error) -> bool {
    error.as_db_error().is_none_or(|error| {
        matches!(error.parsed_severity(), Some(Severity::Fatal | Severity::Panic))
            || matches!(error.severity(), "FATAL" | "PANIC")
    })
}

/// Whether a COMMIT that ended with this error may have been carried out. PostgreSQL alone rolls back if it reports an error and
/// keeps the connection. A distributed database (Citus) tells the node first, and can lose it, or be cancelled, before the
/// node has answered.
pub(super) fn may_have_committed(error: &Error) -> bool {
    // connection_exception, operator_intervention, system_error, internal_error
    const UNCERTAIN: [&str; 4] = ["08", "57", "58", "XX"];
    let code = error.code().map_or("", SqlState::code);
    is_fatal(error) || UNCERTAIN.iter().any(|class| code.starts_with(class))
}

/// Whether a prepared statement no longer fits the schema ("cached plan must not change result type"). Another connection
/// prepares it anew.
fn is_stale_plan(error: &Error) -> bool {
    let is_unsupported = error.code() == Some(&SqlState::FEATURE_NOT_SUPPORTED);
    let routine = error.as_db_error().and_then(|error| error.routine());
    // The name of a function in the source of PostgreSQL, which is never translated.
    is_unsupported && routine.is_none_or(|routine| routine == "RevalidateCachedQuery")
}

/// What to do if a new row gets an id that exists. Ids come from a sequence, so it is behind the ids that are there: rows were
/// loaded without it. The owner of the table sees no row, and would set the sequence to null.
fn sequence_advice(error: &Error) -> String {
    let constraint = constraint_name(error).unwrap_or_default();
    let named = error.as_db_error().and_then(|error| Some((error.schema()?, error.table()?)));
    let Some((schema, table)) = table_of_primary_key(constraint, named) else { return String::new() };
    format!(
        "; the sequence of ids is behind the ids of {schema}.{table}: run `rowkeep migrate --repair`, or as a superuser \
         select setval('{schema}.{table}_id_seq', (select max(id) from {schema}.{table}));"
    )
}

/// The table whose primary key this constraint is, if it is one. A node of a distributed database does not say the table, and
/// adds the number of the shard to the name.
fn table_of_primary_key<'a>(
    constraint: &'a str,
    named: Option<(&'a str, &'a str)>,
) -> Option<(&'a str, &'a str)> {
    match named {
        Some((schema, table)) => (constraint == format!("{table}_pkey")).then_some((schema, table)),
        None => without_shard(constraint)?.strip_suffix("_pkey").map(|table| ("app", table)),
    }
}

/// The rule that a check_violation breaks, in the words of its comment. A node of a distributed database adds the number of the
/// shard to the name of a constraint that was added after the table was distributed.
fn message_of(error: &Error, messages: &ConstraintMessages) -> Option<String> {
    let name = constraint_name(error)?;
    let of_table = || without_shard(name).and_then(|name| messages.0.get(name));
    messages.0.get(name).or_else(of_table).cloned()
}

/// The name that Citus has added the number of a shard to.
fn without_shard(name: &str) -> Option<&str> {
    let (name, shard) = name.rsplit_once('_')?;
    (!shard.is_empty() && shard.bytes().all(|byte| byte.is_ascii_digit())).then_some(name)
}

/// The constraint that an error names. A node of a distributed database sends the name only in the message,
/// in quotes.
fn constraint_name(error: &Error) -> Option<&str> {
    let error = error.as_db_error()?;
    error.constraint().or_else(|| error.message().rsplit('"').nth(1))
}
