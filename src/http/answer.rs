//! How answers and refusals look on the wire.

use bytes::Bytes;
use http::StatusCode;
use http::header::{ALLOW, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use serde::Serialize;
use serde_json::{Map, Value};

use super::room::held;
use crate::auth::UserId;
use crate::refusal::Refusal;

/// An answer.
pub type Response = warp::reply::Response;

/// How a contract words its refusals.
#[derive(Clone, Copy, Debug)]
pub struct Voice {
    /// The status for values and query parameters that are not acceptable.
    pub invalid: StatusCode,
    /// The member beside `detail` in which this contract's front end looks for the same text.
    pub also: Option<&'static str>,
}

/// The voice of everything that belongs to no contract.
pub const PLAIN: Voice = Voice { invalid: StatusCode::UNPROCESSABLE_ENTITY, also: None };

/// Seconds after which a client may try again what was too much now.
const LATER: HeaderValue = HeaderValue::from_static("1");

impl Voice {
    /// A handler's outcome as an answer.
    pub fn answer(&self, outcome: Result<Response, Refusal>) -> Response {
        outcome.unwrap_or_else(|refusal| self.refuse(refusal))
    }

    /// Says why there is no answer: a status, a text in `detail` that says what to do about it, and the headers that
    /// belong to it. Logs what is our fault.
    pub fn refuse(&self, refusal: Refusal) -> Response {
        match refusal {
            Refusal::MethodNotAllowed(allow) => {
                let text = format!("This path does not know that method; it knows {allow}.");
                let response = self.error(StatusCode::METHOD_NOT_ALLOWED, &text);
                with(response, ALLOW, HeaderValue::from_static(allow))
            }
            Refusal::NoToken(why) => {
                let response = self.error(StatusCode::UNAUTHORIZED, &format!("Not signed in: {why}."));
                with(response, WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
            }
            Refusal::InvalidToken(why) => {
                let response = self.error(StatusCode::UNAUTHORIZED, &format!("Not signed in: {why}."));
                let description = quotable(&why);
                let challenge =
                    format!("Bearer error=\"invalid_token\", error_description=\"{description}\"");
                let challenge =
                    HeaderValue::from_str(&challenge).unwrap_or(HeaderValue::from_static("Bearer"));
                with(response, WWW_AUTHENTICATE, challenge)
            }
            Refusal::OtherUser => self.error(
                StatusCode::FORBIDDEN,
                "The path names another user than your token: use the id that your token carries.",
            ),
            Refusal::NotFound => self.error(
                StatusCode::NOT_FOUND,
                "There is no such task among yours: look its id up in your list.",
            ),
            Refusal::NotJson => self.error(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "The body must be JSON: send Content-Type: application/json.",
            ),
            Refusal::TooLarge => {
                self.error(StatusCode::PAYLOAD_TOO_LARGE, "The body is too large: send 64 KiB at most.")
            }
            Refusal::TooSlow => self.error(
                StatusCode::REQUEST_TIMEOUT,
                "The body took too long to arrive: send the request again.",
            ),
            Refusal::Malformed(why) => {
                self.error(StatusCode::BAD_REQUEST, &format!("The body is not well-formed JSON: {why}."))
            }
            Refusal::Invalid(message) => self.error(self.invalid, &message),
            Refusal::Busy(cause) => {
                tracing::warn!(%cause, "no answer in time");
                let response = self.error(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "The service is busy or cannot reach its database: try again in a moment. Whether a change \
                     was made is not known: look before you repeat it.",
                );
                with(response, RETRY_AFTER, LATER)
            }
            Refusal::Broken(cause) => {
                tracing::error!(%cause, "our fault");
                self.error(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "Something went wrong on our side: report it with the X-Request-Id of this answer.",
                )
            }
        }
    }

    fn error(&self, status: StatusCode, text: &str) -> Response {
        let mut members = Map::new();
        members.insert("detail".into(), Value::from(text));
        if let Some(also) = self.also {
            members.insert(also.into(), Value::from(text));
        }
        json(status, &members)
    }
}

/// A text as an `error_description` may have it (RFC 6750, section 3): an issuer that is configured can hold anything.
fn quotable(text: &str) -> String {
    let is_allowed = |character: &char| matches!(character, ' '..='~') && !matches!(character, '"' | '\\');
    text.chars().map(|character| if is_allowed(&character) { character } else { '?' }).collect()
}

/// An answer with a JSON body.
pub fn json(status: StatusCode, body: &impl Serialize) -> Response {
    let mut response = Response::new(to_json(body).into());
    *response.status_mut() = status;
    with(response, CONTENT_TYPE, HeaderValue::from_static("application/json"))
}

/// The JSON text of an answer.
pub fn to_json(body: &impl Serialize) -> Vec<u8> {
    // Twenty tasks take about 5 KB: with less room the buffer would be copied again and again as it grows.
    let mut text = Vec::with_capacity(8 * 1024);
    serde_json::to_writer(&mut text, body).expect("texts, numbers and their lists always have a JSON form");
    text
}

/// 200 with a JSON body.
pub fn ok(body: &impl Serialize) -> Response {
    json(StatusCode::OK, body)
}

/// 200 with a text that is JSON.
pub fn ok_text(json: Bytes) -> Response {
    with(Response::new(json.into()), CONTENT_TYPE, HeaderValue::from_static("application/json"))
}

/// 200 with a list of `user`'s, however large it is.
///
/// # Errors
/// [`Refusal::Busy`] when there is no room for it.
pub fn list(tasks: &impl Serialize, user: &UserId) -> Result<Response, Refusal> {
    let no_room = |_| Refusal::Busy("large answers that are being read leave no room".into());
    let json = held(to_json(tasks), user).map_err(no_room)?;
    Ok(ok_text(json))
}

/// An answer without a body.
pub fn empty(status: StatusCode) -> Response {
    let mut response = Response::default();
    *response.status_mut() = status;
    response
}

/// The same answer with one more header.
pub fn with(mut response: Response, name: HeaderName, value: HeaderValue) -> Response {
    response.headers_mut().insert(name, value);
    response
}

/// Nobody serves this path.
pub fn no_such_route() -> Response {
    PLAIN.error(StatusCode::NOT_FOUND, "There is nothing at this path: compare it with the documentation.")
}
