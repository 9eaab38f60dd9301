//! Why there is no connection to the database, and what to do about it.

use std::error::Error as _;
use std::io;

use tokio_postgres::Error;

use super::temporary::{is_temporary, is_temporary_io};
use crate::error_chain::chain;

/// Why there is no connection to the database.
#[derive(Debug)]
pub enum ConnectError {
    /// The server refused the connection or the login, or it cannot be reached.
    Refused(Error),
    /// No server answers at the socket, or the name of the host is not known.
    Socket(io::Error),
    /// The server did not accept the connection and complete the login in time.
    TimedOut,
    /// The server closed an idle connection, because it restarted or was suspended.
    Closed,
    /// A file with the password or with root certificates cannot be read any more.
    File(String),
}

impl ConnectError {
    /// Whether waiting can mend it: the database or the network is starting, or has too much to do.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Refused(error) => is_temporary(error),
            Self::Socket(error) => is_temporary_io(error),
            Self::TimedOut | Self::Closed => true,
            Self::File(_) => false,
        }
    }

    /// Whether the server did not answer at all.
    pub fn is_silence(&self) -> bool {
        let source = match self {
            Self::Refused(error) => error.source().and_then(|source| source.downcast_ref()),
            Self::Socket(error) => Some(error),
            Self::TimedOut => return true,
            Self::Closed | Self::File(_) => None,
        };
        source.is_some_and(|error: &io::Error| error.kind() == io::ErrorKind::TimedOut)
    }
}

impl From<Error> for ConnectError {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

impl std::fmt::Display for ConnectError {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused(error) => {
                let text = describe(error);
                write!(out, "{text}{}", tls_advice(&text))
            }
            Self::File(problem) => out.write_str(problem),
            Self::Socket(error) => write!(out, "error connecting to server: {}", chain(error)),
            Self::TimedOut => {
                out.write_str("the server does not accept the connection and complete the login in time")
            }
            Self::Closed => out.write_str("the server closed the connection"),
        }
    }
}

impl std::error::Error for ConnectError {}

/// What to write when TLS is the reason that there is no connection.
fn tls_advice(text: &str) -> &'static str {
    if text.contains("server does not support TLS") {
        "; turn TLS on in the server, or write sslmode=disable into the address if the network is private"
    } else if ["UnknownIssuer", "BadSignature"].iter().any(|reason| text.contains(reason)) {
        "; if the authority that signed the certificate is not public, name its file in DATABASE_CA_FILE"
    } else {
        ""
    }
}

/// Describes a database error for the log: SQLSTATE and message. Never the detail, which can hold a whole row.
pub fn describe(error: &Error) -> String {
    match error.as_db_error() {
        Some(db) => format!("{}: {}", db.code().code(), db.message()),
        None => chain(error),
    }
}
