//! The reasons to refuse a request. A refusal has no status code: each contract chooses one.

use std::borrow::Cow;
use std::collections::HashMap;
use std::error::Error;
use std::time::Duration;

/// Why a request is refused.
#[derive(Debug)]
pub enum Refusal {
    /// The path exists and does not support this method. Holds the methods it supports, as in an `Allow` header.
    MethodNotAllowed(&'static str),
    /// The request has no token. The text is safe to show.
    NoToken(&'static str),
    /// The token is not valid. The text is safe to show: it never repeats the token.
    InvalidToken(Cow<'static, str>),
    /// A rate limit is exceeded.
    TooManyRequests(RateLimited),
    /// The path names a user other than the caller.
    OtherUser,
    /// The task does not exist *for this caller*. Nobody learns whether another user has it.
    NotFound,
    /// The `Content-Type` of the body is not JSON.
    NotJson,
    /// The body has a `Content-Encoding`.
    Encoded,
    /// The body is larger than the limit.
    TooLarge,
    /// The body did not arrive in time.
    TooSlow,
    /// The body is not well-formed JSON. The text says where.
    Malformed(String),
    /// A value is not acceptable. The text is the comment of the constraint if the database refused the value.
    Invalid(Cow<'static, str>),
    /// Too many queries that read all tasks of their users run at the same time. Nothing was changed.
    TooManyScans,
    /// The user's share of the memory for large responses and bodies is used up. Nothing was changed.
    NoMemory,
    /// All connections that the client may have are in use. Nothing was changed.
    TooManyConnections,
    /// The database cannot be reached, or has too much to do. Nothing was changed.
    Busy(Cause),
    /// The database did not answer in time, or the connection to it was lost. It is not known whether a change was made.
    Unknown(Cause),
    /// A fault of the server. The cause is logged and never shown.
    Broken(Cause),
}

/// A rate limit that is exceeded.
#[derive(Debug)]
pub struct RateLimited {
    /// What the limit counts: the requests of a `user`, or the failed sign-ins of an `address`.
    pub policy: &'static str,
    pub per_second: u32,
    /// How long to wait for the next request.
    pub wait: Duration,
}

/// The error behind a refusal, for the log.
pub type Cause = Box<dyn Error + Send + Sync>;

impl Refusal {
    pub fn invalid_token(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::InvalidToken(reason.into())
    }

    pub fn invalid(message: impl Into<Cow<'static, str>>) -> Self {
        Self::Invalid(message.into())
    }
}

/// The texts that clients read when a CHECK constraint refuses a value, by the name of the constraint.
#[derive(Clone, Debug, Default)]
pub struct ConstraintMessages(pub HashMap<String, String>);
