//! Responses and refusals as clients see them.

use bytes::Bytes;
use http::StatusCode;
use http::header::{
    ACCEPT_ENCODING, ALLOW, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE,
};
use serde::Serialize;
use serde_json::{Map, Value};

use super::body::MAX_BODY_BYTES;
use super::response_memory::ResponseMemory;
use crate::auth::UserId;
use crate::refusal::{RateLimited, Refusal};
use crate::tasks::Task;

pub type Response = warp::reply::Response;

/// Whose response this is: an extension of the response, which clients do not see.
#[derive(Clone)]
pub(super) struct Owner(pub(super) UserId);

/// How a contract formats errors.
#[derive(Clone, Copy, Debug)]
pub struct ErrorFormat {
    /// The status for values and query parameters that are not acceptable.
    pub invalid_status: StatusCode,
    /// The member beside `detail` that repeats the text, because the front end of this contract reads it.
    pub second_member: Option<&'static str>,
}

/// The error format of paths that belong to no contract.
pub const DEFAULT_ERRORS: ErrorFormat =
    ErrorFormat { invalid_status: StatusCode::UNPROCESSABLE_ENTITY, second_member: None };

const APPLICATION_JSON: HeaderValue = HeaderValue::from_static("application/json");

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// The text for a connection beyond the limit.
pub(super) const TOO_MANY_CONNECTIONS: &str =
    "The service has too many connections. Nothing was changed: try again later.";

/// `Retry-After` of a 503, in seconds.
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("1");

impl ErrorFormat {
    /// The response of a handler, or the error response if it refused.
    pub fn respond(&self, outcome: Result<Response, Refusal>) -> Response {
        outcome.unwrap_or_else(|refusal| self.refuse(refusal))
    }

    /// The error response: a status, a text in `detail` that says what to do, and the headers that belong to the status.
    /// Logs faults of the server.
    pub fn refuse(&self, refusal: Refusal) -> Response {
        match refusal {
            Refusal::MethodNotAllowed(allow) => {
                let text = format!("This path does not support this method. It supports {allow}.");
                let response = self.error(StatusCode::METHOD_NOT_ALLOWED, &text);
                with_header(response, ALLOW, HeaderValue::from_static(allow))
            }
            Refusal::NoToken(why) => {
                let response = self.error(StatusCode::UNAUTHORIZED, &format!("Not signed in: {why}."));
                with_header(response, WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
            }
            Refusal::InvalidToken { text, .. } => {
                let response = self.error(StatusCode::UNAUTHORIZED, &format!("Not signed in: {text}."));
                let description = quotable(&text);
                let challenge =
                    format!("Bearer error=\"invalid_token\", error_description=\"{description}\"");
                let challenge =
                    HeaderValue::from_str(&challenge).unwrap_or(HeaderValue::from_static("Bearer"));
                with_header(response, WWW_AUTHENTICATE, challenge)
            }
            Refusal::TooManyRequests(limited) => self.too_many_requests(&limited),
            Refusal::OtherUser => self.error(
                StatusCode::FORBIDDEN,
                "The path names another user than your token: use the user id of your token.",
            ),
            Refusal::NotFound => {
                self.error(StatusCode::NOT_FOUND, "You have no task with this id: look it up in your list.")
            }
            Refusal::NotJson => self.error(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "The body must be JSON: send Content-Type: application/json.",
            ),
            Refusal::Encoded => {
                let response = self.error(
                    StatusCode::UNSUPPORTED_MEDIA_TYPE,
                    "The body must not be compressed: send it without Content-Encoding.",
                );
                with_header(response, ACCEPT_ENCODING, HeaderValue::from_static("identity"))
            }
            Refusal::TooLarge => self.error(
                StatusCode::PAYLOAD_TOO_LARGE,
                &format!("The body is too large: send {} KiB at most.", MAX_BODY_BYTES / 1024),
            ),
            Refusal::TooSlow => self.error(
                StatusCode::REQUEST_TIMEOUT,
                "The body took too long to arrive: send the request again.",
            ),
            Refusal::Malformed(why) => {
                self.error(StatusCode::BAD_REQUEST, &format!("The body is not well-formed JSON: {why}."))
            }
            Refusal::Invalid(message) => self.error(self.invalid_status, &message),
            Refusal::TooManyScans => self.unavailable(
                "Too many searches, sorts and counts run at the same time. Nothing was changed: try again, or ask for a \
                 list without them.",
            ),
            Refusal::NoMemory => self.unavailable(
                "Your share of the memory for large answers is used up. Nothing was changed: read your other answers, ask \
                 for fewer tasks, or try again.",
            ),
            Refusal::TooManyConnections => self.unavailable(TOO_MANY_CONNECTIONS),
            Refusal::Busy(cause) => {
                tracing::warn!(error.message = %cause, "the database cannot serve a request");
                self.unavailable(
                    "The service is busy or cannot reach its database. Nothing was changed: try again.",
                )
            }
            Refusal::Unknown(cause) => {
                tracing::warn!(error.message = %cause, "it is not known whether a change was made");
                self.unavailable(
                    "The database did not answer in time. The change may have been made: look before you repeat it.",
                )
            }
            Refusal::Broken(cause) => {
                tracing::error!(error.message = %cause, "a fault of the server");
                self.error(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "The server has a fault: report it with the X-Request-Id of this response.",
                )
            }
        }
    }

    fn unavailable(&self, text: &str) -> Response {
        with_header(self.error(StatusCode::SERVICE_UNAVAILABLE, text), RETRY_AFTER, RETRY_AFTER_SECONDS)
    }

    /// The headers are those of draft-ietf-httpapi-ratelimit-headers-10. No other response has them: what is left of a limit
    /// would make two equal 404 responses differ.
    fn too_many_requests(&self, RateLimited { policy, per_second, wait }: &RateLimited) -> Response {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        let seconds = seconds.max(1);
        let what = match *policy {
            "user" => "requests",
            _ => "failed sign-ins from your address",
        };
        let text = format!("Too many {what}: wait {seconds} s. The limit is {per_second} per second.");
        let mut response = self.error(StatusCode::TOO_MANY_REQUESTS, &text);
        let headers = [
            (RETRY_AFTER, seconds.to_string()),
            (RATE_LIMIT, format!("\"{policy}\";r=0;t={seconds}")),
            (RATE_LIMIT_POLICY, format!("\"{policy}\";q={per_second};w=1")),
        ];
        for (name, value) in headers {
            if let Ok(value) = HeaderValue::try_from(value) {
                response = with_header(response, name, value);
            }
        }
        response
    }

    fn error(&self, status: StatusCode, text: &str) -> Response {
        let mut members = Map::new();
        members.insert("detail".into(), Value::from(text));
        if let Some(member) = self.second_member {
            members.insert(member.into(), Value::from(text));
        }
        json(status, &members)
    }
}

/// Replaces the characters that `error_description` must not contain (RFC 6750, section 3). The text can contain a
/// configured issuer, which can be any text.
fn quotable(text: &str) -> String {
    let is_allowed = |character: &char| matches!(character, ' '..='~') && !matches!(character, '"' | '\\');
    text.chars().map(|character| if is_allowed(&character) { character } else { '?' }).collect()
}

/// A response with a JSON body.
pub fn json(status: StatusCode, body: &impl Serialize) -> Response {
    let mut response = Response::new(to_json(body).into());
    *response.status_mut() = status;
    as_json(response)
}

/// Serializes a response body.
pub fn to_json(body: &impl Serialize) -> Vec<u8> {
    let mut text = Vec::new();
    append_json(&mut text, body);
    text
}

/// Serializes a part of a response body.
pub fn append_json(text: &mut Vec<u8>, part: &impl Serialize) {
    // Twenty tasks take about 5 KB. A smaller buffer would be copied several times while it grows.
    text.reserve(8 * 1024);
    serde_json::to_writer(text, part).expect("strings, numbers and lists of them can always be serialized");
}

pub fn ok(body: &impl Serialize) -> Response {
    json(StatusCode::OK, body)
}

/// 201 with a new task, and with its path in `Location`. `list_path` is the path that it was posted to, percent-encoded.
pub fn created(list_path: &str, task: &Task) -> Response {
    let response = json(StatusCode::CREATED, task);
    match HeaderValue::try_from(format!("{list_path}/{}", task.id)) {
        Ok(location) => with_header(response, LOCATION, location),
        Err(_) => response,
    }
}

/// 200 with a body that is JSON already.
pub fn json_text(json: Bytes) -> Response {
    as_json(Response::new(json.into()))
}

/// Marks the body as JSON.
pub fn as_json(response: Response) -> Response {
    with_header(response, CONTENT_TYPE, APPLICATION_JSON)
}

/// 200 with a list of `user`, which is JSON already.
///
/// # Errors
/// [`Refusal::NoMemory`] if the list is large and does not fit into the user's share of the memory for large responses.
pub async fn list(json: Vec<u8>, user: &UserId, memory: &ResponseMemory) -> Result<Response, Refusal> {
    Ok(owned(json_text(memory.reserve_with_force(json, user).await?), user))
}

/// Notes whose response it is: what all responses take together is shared out by user.
pub fn owned(mut response: Response, user: &UserId) -> Response {
    response.extensions_mut().insert(Owner(user.clone()));
    response
}

/// A response without a body.
pub fn empty(status: StatusCode) -> Response {
    let mut response = Response::default();
    *response.status_mut() = status;
    response
}

pub fn with_header(mut response: Response, name: HeaderName, value: HeaderValue) -> Response {
    response.headers_mut().insert(name, value);
    response
}

/// 400 for a request without an acceptable `Host` header.
pub fn bad_host(errors: ErrorFormat) -> Response {
    errors.error(
        StatusCode::BAD_REQUEST,
        "The request must have one Host header with the name of the server: send it as in Host: tasks.example.",
    )
}

/// 400 for a query with more parameters than this.
pub fn too_many_parameters(errors: ErrorFormat, most: usize) -> Response {
    let text = format!("The query has too many parameters: send {most} at most.");
    errors.error(StatusCode::BAD_REQUEST, &text)
}

/// 400 for a body in a transfer coding that the server does not decode.
pub fn bad_transfer_encoding(errors: ErrorFormat) -> Response {
    errors.error(
        StatusCode::BAD_REQUEST,
        "The server knows one transfer coding: send Transfer-Encoding: chunked, or a Content-Length without it.",
    )
}

/// 404 for a path that no route serves.
pub fn no_such_route() -> Response {
    DEFAULT_ERRORS
        .error(StatusCode::NOT_FOUND, "There is nothing at this path: compare it with the documentation.")
}
