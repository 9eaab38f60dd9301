//! Responses: their headers, and the errors of each contract.

use serde_json::{Map, Value, json};

use super::component;
use super::contracts::Contract;
use crate::http::body::MAX_BODY_BYTES;

/// The headers that clients read.
pub(super) fn headers(has_replicas: bool) -> Value {
    let text = |description: &str, example: &str| json!({ "description": description, "schema": { "type": "string" }, "example": example });
    let required = |mut header: Value| {
        header["required"] = true.into();
        header
    };
    let number = |description: &str, example: i64| {
        let schema = json!({ "type": "integer", "minimum": 0 });
        json!({ "description": description, "schema": schema, "example": example })
    };
    let mut headers = json!({
        "X-Request-Id": required(text("The id of this request in the log of the server", "9f1c2ab34d5e6f70")),
        "Location": required(text("The path of the new task", "/api/tasks/1")),
        "Link": text(
            "The next page (RFC 8288). It is not there on the last page",
            "</api/v1/tasks?limit=2&cursor=AcQdV-oO8s5>; rel=\"next\"",
        ),
        "X-Total-Count": number("How many tasks the whole list has, if `count=true` asks for it", 3),
        "WWW-Authenticate": required(text(
            "What is wrong with the token (RFC 6750)",
            "Bearer error=\"invalid_token\", error_description=\"the token has expired\"",
        )),
        "Retry-After": required(number("How many seconds to wait", 1)),
        "RateLimit": required(text("What is left of the limit, and when there is more", "\"user\";r=0;t=1")),
        "RateLimit-Policy": required(text("The limit, and its window in seconds", "\"user\";q=100;w=1")),
        "Accept-Encoding": text("`identity`, if the body was compressed", "identity"),
        "ETag": required(text("The version of this answer", "W/\"21583ecce428c8ec\"")),
    });
    if has_replicas {
        headers["X-Rowkeep-Position"] = required(text(
            "What this request has seen of the database: send it with the next one",
            "AeK3vW8mYx0pQ5rT2uJ7nB1cD4fG6hL9sZaXoViUyEwRtPkMjNbHgFd",
        ));
    }
    headers
}

/// A response with `X-Request-Id` and these headers.
pub(super) fn response(description: &str, headers: &[&str], content: Option<Value>) -> Value {
    let headers = headers.iter().chain(&["X-Request-Id"]);
    let headers: Map<_, _> =
        headers.map(|name| ((*name).to_owned(), component(&format!("headers/{name}")))).collect();
    let mut response = json!({ "description": description, "headers": headers });
    if let Some(content) = content {
        response["content"] = content;
    }
    response
}

pub(super) fn json_body(schema: Value, example: Value) -> Value {
    json!({ "application/json": { "schema": schema, "example": example } })
}

/// What an operation reads besides the token and the user in its path.
#[derive(Clone, Copy, Default)]
pub(super) struct Reads {
    pub query: bool,
    pub id: bool,
    pub body: bool,
}

/// A reference to an error of a contract, for an operation that reads this.
pub(super) fn error(contract: &Contract, status: u16, reads: Reads) -> Value {
    let invalid = contract.errors.invalid_status.as_u16();
    let part = match status {
        400 if reads.body => "Body",
        _ if status == invalid && reads.body => "Body",
        _ if status == invalid && reads.query => "Query",
        _ => "",
    };
    component(&format!("responses/{}{}{part}", contract.noun, name(status)))
}

/// Adds the errors of a contract.
pub(super) fn add_errors(responses: &mut Map<String, Value>, contract: &Contract) {
    let invalid = contract.errors.invalid_status.as_u16();
    let mut add = |status: u16, part: &str, (description, headers, texts): Error| {
        let response = error_response(contract, description, headers, texts);
        responses.insert(format!("{}{}{part}", contract.noun, name(status)), response);
    };
    for status in [400, 401, 403, 404, 408, 413, 415, 429, 500, 503] {
        if status != 403 || contract.names_user() {
            add(status, "", error_texts(status));
        }
    }
    // A contract that answers 400 for values says both under one status.
    let (malformed, invalid_body) = (malformed_body(), invalid_body());
    if invalid == 400 {
        let description = "The body is not well-formed JSON, or a member or a value is not acceptable";
        add(400, "Body", (description, &[], [malformed.2, invalid_body.2].concat()));
    } else {
        add(400, "Body", malformed);
        add(invalid, "Body", invalid_body);
    }
    add(invalid, "Query", invalid_query());
}

fn malformed_body() -> Error {
    let text = "The body is not well-formed JSON: look at line 1, column 2.".to_owned();
    (
        "The body is not well-formed JSON, or the head of the request is not acceptable",
        &[],
        vec![("malformed", text)],
    )
}

fn invalid_body() -> Error {
    let texts =
        vec![("missing", "title is required".to_owned()), ("blank", "title must not be blank".to_owned())];
    ("A member or a value is not acceptable", &[], texts)
}

fn invalid_query() -> Error {
    let text = "status must be all, pending or completed".to_owned();
    ("A query parameter is not acceptable", &[], vec![("parameter", text)])
}

fn name(status: u16) -> &'static str {
    match status {
        400 => "BadRequest",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "NotFound",
        408 => "RequestTimeout",
        413 => "TooLarge",
        415 => "UnsupportedMediaType",
        422 => "Invalid",
        429 => "TooManyRequests",
        500 => "Fault",
        _ => "Unavailable",
    }
}

fn error_response(contract: &Contract, description: &str, headers: &[&str], texts: Examples) -> Value {
    let examples: Map<_, _> = texts
        .into_iter()
        .map(|(name, text)| {
            let mut value = json!({ "detail": text });
            if let Some(member) = contract.errors.second_member {
                value[member] = text.into();
            }
            (name.to_owned(), json!({ "value": value }))
        })
        .collect();
    let schema = component(&format!("schemas/{}", contract.error_schema));
    let content = json!({ "application/json": { "schema": schema, "examples": examples } });
    response(description, headers, Some(content))
}

type Examples = Vec<(&'static str, String)>;

/// The meaning of a status, its headers, and examples of its text.
type Error = (&'static str, &'static [&'static str], Examples);

/// The meaning of a status, its headers, and examples of its text. A test compares the examples with real answers.
fn error_texts(status: u16) -> Error {
    let kib = MAX_BODY_BYTES / 1024;
    let text = |name, text: &str| vec![(name, text.to_owned())];
    match status {
        400 => (
            "The head of the request is not acceptable",
            &[],
            text(
                "host",
                "The request must have one Host header with the name of the server: send it as in Host: tasks.example.",
            ),
        ),
        401 => (
            "There is no token, or it is not valid",
            &["WWW-Authenticate"],
            text("no_token", "Not signed in: send a token: Authorization: Bearer <token>."),
        ),
        403 => (
            "The path names another user than the token",
            &[],
            text("other_user", "The path names another user than your token: use the user id of your token."),
        ),
        404 => (
            "The caller has no such task. Nobody learns whether another user has it",
            &[],
            text("not_found", "You have no task with this id: look it up in your list."),
        ),
        408 => (
            "The body took too long to arrive",
            &[],
            text("too_slow", "The body took too long to arrive: send the request again."),
        ),
        413 => (
            "The body is too large",
            &[],
            text("too_large", &format!("The body is too large: send {kib} KiB at most.")),
        ),
        415 => (
            "The body is not JSON, or it is compressed. A body without Content-Type counts as JSON",
            &["Accept-Encoding"],
            text("not_json", "The body must be JSON: send Content-Type: application/json."),
        ),
        429 => (
            "The user sends too many requests, or the address fails to sign in too often",
            &["Retry-After", "RateLimit", "RateLimit-Policy"],
            text("too_many", "Too many requests: wait 1 s. The limit is 100 per second."),
        ),
        500 => (
            "A fault of the server",
            &[],
            text("fault", "The server has a fault: report it with the X-Request-Id of this response."),
        ),
        _ => (
            "The server is busy or cannot reach its database. The text says whether the change may have been made",
            &["Retry-After"],
            text("busy", "The service is busy or cannot reach its database. Nothing was changed: try again."),
        ),
    }
}
