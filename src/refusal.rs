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
    InvalidToken { problem: TokenProblem, text: Cow<'static, str> },
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

/// What is wrong with a token. The log has its word: the texts are for people, and change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenProblem {
    /// The request has no token.
    Missing,
    /// The request has more than one `Authorization` header.
    SeveralHeaders,
    /// The text is what a page sends by mistake in the place of a token, such as `undefined`.
    Placeholder,
    /// The text is not a JWT, or a part of it cannot be read.
    Malformed,
    TooLong,
    /// It is the session token or the session cookie of Better Auth.
    Session,
    /// It is for another purpose than an API, such as a link in an e-mail.
    OtherPurpose,
    /// Its header says something that this server does not support, such as encryption.
    Unsupported,
    /// No key of this server is for its algorithm.
    Algorithm,
    /// This server has no key for such tokens at all.
    NoKey,
    /// The key that it names is not in the key set.
    UnknownKey,
    /// The same, and the key set cannot be read right now.
    KeySetUnreadable,
    /// More than one key fits.
    AmbiguousKey,
    Signature,
    Expired,
    /// It becomes valid, or was issued, in the future.
    NotYetValid,
    /// It expires too far in the future.
    Lifetime,
    /// It was issued before the moment that the operator has set.
    IssuedTooEarly,
    Issuer,
    Audience,
    /// No subject, or no acceptable user.
    Subject,
    /// A claim is missing or has a wrong type.
    Claims,
}

impl TokenProblem {
    pub const ALL: [Self; 22] = [
        Self::Missing,
        Self::SeveralHeaders,
        Self::Placeholder,
        Self::Malformed,
        Self::TooLong,
        Self::Session,
        Self::OtherPurpose,
        Self::Unsupported,
        Self::Algorithm,
        Self::NoKey,
        Self::UnknownKey,
        Self::KeySetUnreadable,
        Self::AmbiguousKey,
        Self::Signature,
        Self::Expired,
        Self::NotYetValid,
        Self::Lifetime,
        Self::IssuedTooEarly,
        Self::Issuer,
        Self::Audience,
        Self::Subject,
        Self::Claims,
    ];

    /// Its word for machines. These words do not change.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Missing => "token_missing",
            Self::SeveralHeaders => "token_several_headers",
            Self::Placeholder => "token_placeholder",
            Self::Malformed => "token_malformed",
            Self::TooLong => "token_too_long",
            Self::Session => "token_session",
            Self::OtherPurpose => "token_other_purpose",
            Self::Unsupported => "token_unsupported",
            Self::Algorithm => "token_algorithm",
            Self::NoKey => "token_no_key",
            Self::UnknownKey => "token_unknown_key",
            Self::KeySetUnreadable => "token_key_set_unreadable",
            Self::AmbiguousKey => "token_ambiguous_key",
            Self::Signature => "token_signature",
            Self::Expired => "token_expired",
            Self::NotYetValid => "token_not_yet_valid",
            Self::Lifetime => "token_lifetime",
            Self::IssuedTooEarly => "token_issued_too_early",
            Self::Issuer => "token_issuer",
            Self::Audience => "token_audience",
            Self::Subject => "token_subject",
            Self::Claims => "token_claims",
        }
    }
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

impl RateLimited {
    /// Its word for machines, beside those of [`TokenProblem::word`].
    pub fn word(&self) -> &'static str {
        match self.policy {
            "user" => "rate_limit_user",
            _ => "rate_limit_address",
        }
    }
}

/// The error behind a refusal, for the log.
pub type Cause = Box<dyn Error + Send + Sync>;

impl Refusal {
    pub fn invalid_token(problem: TokenProblem, text: impl Into<Cow<'static, str>>) -> Self {
        Self::InvalidToken { problem, text: text.into() }
    }

    pub fn invalid(message: impl Into<Cow<'static, str>>) -> Self {
        Self::Invalid(message.into())
    }
}

/// The texts that clients read when a CHECK constraint refuses a value, by the name of the constraint.
#[derive(Clone, Debug, Default)]
pub struct ConstraintMessages(pub HashMap<String, String>);
