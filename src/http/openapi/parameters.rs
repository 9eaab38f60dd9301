//! The parameters of requests.

use serde_json::{Value, json};

use super::{component, schemas};
use crate::http::v1_tasks::{DEFAULT_LIMIT, LIMIT, LIMIT_NAMES, OFFSET, OFFSET_NAMES, SORTS, TEXT_NAMES};

/// The parameters that several paths have.
pub(super) fn components(has_replicas: bool) -> Value {
    let mut components = json!({
        "UserId": {
            "name": "user_id",
            "in": "path",
            "required": true,
            "description": "The user of the token, percent-encoded. Another user is a 403. The users `v1` and `tasks` use \
                            the other contracts.",
            "schema": { "type": "string" },
            "example": "alice",
        },
        "TaskId": {
            "name": "id",
            "in": "path",
            "required": true,
            "description": "The id of a task of the caller. Any other value is a 404.",
            "schema": schemas::id(),
            "example": 1,
        },
        "RequestId": {
            "name": "X-Request-Id",
            "in": "header",
            "description": "The answer and the log repeat it if it is 1 to 128 letters, digits, `.`, `_` and `-`. \
                            Otherwise the server makes one.",
            "schema": { "type": "string" },
        },
        "IfNoneMatch": {
            "name": "If-None-Match",
            "in": "header",
            "description": "The `ETag` of an earlier answer. If it is still the same, the answer is 304.",
            "schema": { "type": "string" },
        },
    });
    if has_replicas {
        components["Position"] = json!({
            "name": "X-Rowkeep-Position",
            "in": "header",
            "description": "The `X-Rowkeep-Position` of the last answer that you got, or of several that overlapped, \
                            separated by commas. The answer is not older, and its position stands for all of them. `primary`, \
                            more than eight, and a value that cannot be read ask for what is committed. Only reads look at it.",
            "schema": { "type": "string" },
            "example": "primary",
        });
    }
    components
}

/// The query parameters of a list.
pub(super) fn of_list(has_pages: bool) -> Vec<Value> {
    let status = parameter(
        "status",
        "Only tasks with this status",
        json!({ "type": "string", "enum": ["all", "pending", "completed"], "default": "all" }),
    );
    if !has_pages {
        return vec![status];
    }

    let number =
        |least: i64, greatest: i64| json!({ "type": "integer", "minimum": least, "maximum": greatest });
    let boolean = json!({ "type": "boolean" });
    let text = json!({ "type": "string", "pattern": schemas::TEXT });
    let mut limit = number(*LIMIT.start(), *LIMIT.end());
    limit["default"] = DEFAULT_LIMIT.into();

    let mut parameters = vec![status];
    for (names, description, schema) in [
        (&LIMIT_NAMES[..], "How many tasks a page has at most", limit),
        (&OFFSET_NAMES, "How many tasks to skip", number(*OFFSET.start(), *OFFSET.end())),
        (
            &TEXT_NAMES,
            "Only tasks that contain this text in title or description. Case does not matter",
            text,
        ),
    ] {
        for &name in names {
            let first = names.first().copied().unwrap_or(name);
            let other = format!("Another name of `{first}`");
            let mut schema = schema.clone();
            if name != first
                && let Some(members) = schema.as_object_mut()
            {
                // A client that sends every default would contradict itself.
                members.remove("default");
            }
            parameters.push(match name {
                "page" => page(&number),
                name if name == first => parameter(name, description, schema),
                name => parameter(name, &other, schema),
            });
        }
    }
    let sorts = SORTS.iter().flat_map(|name| [(*name).to_owned(), format!("-{name}")]).collect::<Vec<_>>();
    parameters.extend([
        parameter(
            "cursor",
            "Where the page begins, from the `Link` of the page before. Not together with `offset`, `skip` or `page`",
            json!({ "type": "string" }),
        ),
        parameter(
            "completed",
            "The same filter as `status`. A contradiction is a 422",
            boolean.clone(),
        ),
        parameter(
            "sort",
            "The order, and its reverse with `-` in front. Titles sort by code point",
            json!({ "type": "string", "enum": sorts, "default": "-created_at" }),
        ),
        parameter("count", "Whether `X-Total-Count` says how many tasks the whole list has", boolean),
    ]);
    parameters
}

fn page(number: &impl Fn(i64, i64) -> Value) -> Value {
    let (most, smallest_limit) = (OFFSET.end(), LIMIT.start());
    let description =
        format!("The number of the page, from 1: skips `page - 1` times `limit` tasks, {most} at most");
    parameter("page", &description, number(1, most / smallest_limit + 1))
}

fn parameter(name: &str, description: &str, schema: Value) -> Value {
    json!({ "name": name, "in": "query", "description": description, "schema": schema })
}

/// The headers that every request can have.
pub(super) fn of_every_request() -> Vec<Value> {
    vec![component("parameters/RequestId")]
}
