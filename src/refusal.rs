//! Why a request ends without the answer it asked for: a fact, to which each contract gives a voice.

use std::borrow::Cow;
use std::collections::HashMap;
use std::error::Error;

use tokio_postgres::error::SqlState;

use crate::database::logged;

/// Why the caller does not get what they asked for.
#[derive(Debug)]
pub enum Refusal {
    /// The path exists and does not know this method. Names those it knows, as in an `Allow` header.
    MethodNotAllowed(&'static str),
    /// No token. The text is safe to show.
    NoToken(&'static str),
    /// A token that is not believed. The text is safe to show: nothing in it comes from the token.
    InvalidToken(Cow<'static, str>),
    /// The path names a user who is not the caller.
    OtherUser,
    /// There is no such task *for this caller*; nobody learns more.
    NotFound,
    /// The body says that it is something else than JSON.
    NotJson,
    /// The body is larger than anything that a task could need.
    TooLarge,
    /// The body did not arrive in time.
    TooSlow,
    /// The body is no JSON text. Says where.
    Malformed(String),
    /// The request is understood and its values are not acceptable. The text is the constraint's comment, where a
    /// constraint of the database decided it.
    Invalid(Cow<'static, str>),
    /// The database is out of reach or has too much to do. Nobody knows whether a change has happened.
    Busy(Cause),
    /// Our fault. The cause is logged and never shown.
    Broken(Cause),
}

/// What lies behind a refusal, for the log.
pub type Cause = Box<dyn Error + Send + Sync>;

impl Refusal {
    /// A token that is not believed, and why.
    pub fn invalid_token(why: impl Into<Cow<'static, str>>) -> Self {
        Self::InvalidToken(why.into())
    }

    /// A value that is not acceptable, in words for the client.
    pub fn invalid(message: impl Into<Cow<'static, str>>) -> Self {
        Self::Invalid(message.into())
    }
}

/// The sentences that clients read when a constraint turns a value down, by the constraint's name.
#[derive(Clone, Debug, Default)]
pub struct Sentences(pub HashMap<String, String>);

/// What an error of the database means for the request that met it.
///
/// Decided by SQLSTATE (PostgreSQL manual, appendix A) and never by message, because messages are translated and a
/// distributed database leaves every other field out.
pub fn of_database(error: tokio_postgres::Error, sentences: &Sentences) -> Refusal {
    let Some(state) = error.code() else {
        let lost = error.is_closed() || error.source().is_some_and(|source| source.is::<std::io::Error>());
        let cause = logged(&error).into();
        return if lost { Refusal::Busy(cause) } else { Refusal::Broken(cause) };
    };

    match state.code() {
        // check_violation
        "23514" => {
            let sentence = broken_constraint(&error).and_then(|name| sentences.0.get(name)).cloned();
            Refusal::invalid(sentence.unwrap_or_else(|| "a value breaks a rule of the database".into()))
        }
        // character_not_in_repertoire: the only text that Rust can hold and Postgres cannot
        "22021" => Refusal::invalid("text must not contain the character U+0000"),
        // string_data_right_truncation
        "22001" => Refusal::invalid("a text is too long"),
        _ if is_passing(state) => Refusal::Busy(logged(&error).into()),
        _ => Refusal::Broken(logged(&error).into()),
    }
}

/// Whether what went wrong has nothing to do with the request, and may be over the next time.
fn is_passing(state: &SqlState) -> bool {
    let code = state.code();
    matches!(
        code,
        "40001" // serialization_failure
            | "40P01" // deadlock_detected
            | "55P03" // lock_not_available
            | "57014" // query_canceled: also what statement_timeout says
            | "25006" // read_only_sql_transaction: a standby, or a primary that was demoted
            | "25P03" // idle_in_transaction_session_timeout
    ) || code.starts_with("53") // insufficient resources, too many connections
        || code.starts_with("57P") // shutting down, crashed, starting up
        || code.starts_with("08") // connection exceptions
}

/// The constraint that a check_violation names: by its field, or by the text where a node left the fields out.
fn broken_constraint(error: &tokio_postgres::Error) -> Option<&str> {
    let error = error.as_db_error()?;
    error.constraint().or_else(|| error.message().rsplit('"').nth(1))
}
