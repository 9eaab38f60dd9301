//! The JSON of tasks: what clients send and what they get.

use serde_json::{Map, Value, json};

use super::component;
use crate::http::envelope::Envelope;
use crate::http::response::ErrorFormat;
use crate::http::v1_tasks::DEFAULT_LIMIT;

/// The lengths that the constraints of the table allow. A test compares them with the database.
const MAX_TITLE_CHARACTERS: u32 = 200;
const MAX_DESCRIPTION_CHARACTERS: u32 = 1000;

/// The largest id: the largest integer that JavaScript holds exactly.
pub(super) const MAX_ID: i64 = 9_007_199_254_740_991;

/// A text without U+0000, which PostgreSQL cannot store.
pub(super) const TEXT: &str = r"^[^\u0000]*$";

/// The same with a character that is not White_Space (Unicode).
const TEXT_NOT_BLANK: &str = r"^[^\u0000]*[^\u0000\u0009-\u000D\u0020\u0085\u00A0\u1680\u2000-\u200A\u2028\u2029\u202F\u205F\u3000][^\u0000]*$";

pub(super) fn tasks() -> Map<String, Value> {
    let title = || json!({ "$ref": "#/components/schemas/Title" });
    let description = || json!({ "$ref": "#/components/schemas/Description" });
    let completed = || json!({ "type": "boolean", "description": "Whether the task is done" });
    let writable = || json!({ "title": title(), "description": description(), "completed": completed() });
    let time = |description: &str| {
        json!({
            "type": "string",
            "format": "date-time",
            "pattern": r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z$",
            "description": description,
        })
    };
    let ignored = "Other members are ignored.";
    let schemas = json!({
        "Task": {
            "type": "object",
            "description": "A task. It has exactly these members.",
            "required": ["id", "user_id", "title", "description", "completed", "created_at", "updated_at"],
            "properties": {
                "id": id(),
                "user_id": { "type": "string", "description": "The user whose task it is" },
                "title": title(),
                "description": description(),
                "completed": completed(),
                "created_at": time("When it was created. It never changes."),
                "updated_at": time("When it really changed. It only moves forward."),
            },
            "additionalProperties": false,
        },
        "TaskDraft": {
            "type": "object",
            "description": ignored,
            "required": ["title"],
            "properties": writable(),
        },
        "TaskChanges": {
            "type": "object",
            "description": ignored,
            "properties": writable(),
            "anyOf": [{ "required": ["title"] }, { "required": ["description"] }, { "required": ["completed"] }],
        },
        "TaskCompletion": {
            "type": "object",
            "description": ignored,
            "required": ["completed"],
            "properties": writable(),
        },
        "OptionalTaskChanges": {
            "type": "object",
            "description": ignored,
            "properties": writable(),
        },
        "Title": {
            "type": "string",
            "minLength": 1,
            "maxLength": MAX_TITLE_CHARACTERS,
            "pattern": TEXT_NOT_BLANK,
            "description": "Not blank. It comes back exactly as it was sent.",
        },
        "Description": {
            "type": ["string", "null"],
            "maxLength": MAX_DESCRIPTION_CHARACTERS,
            "pattern": TEXT,
            "description": "It comes back exactly as it was sent. In a body, null removes it.",
        },
        "Message": {
            "type": "object",
            "required": ["message"],
            "properties": { "message": { "type": "string" } },
            "additionalProperties": false,
        },
    });
    match schemas {
        Value::Object(schemas) => schemas,
        _ => Map::new(),
    }
}

pub(super) fn id() -> Value {
    json!({
        "type": "integer",
        "format": "int64",
        "minimum": 1,
        "maximum": MAX_ID,
        "description": "A newer task has a greater id. Ids have gaps.",
    })
}

/// The errors of a contract.
pub(super) fn error(format: ErrorFormat) -> Value {
    let mut required = vec!["detail"];
    let mut properties = json!({
        "detail": { "type": "string", "description": "What is wrong, and what to do about it" },
    });
    if let Some(member) = format.second_member {
        required.push(member);
        properties[member] = json!({ "type": "string", "description": "The same text as `detail`" });
    }
    json!({ "type": "object", "required": required, "properties": properties, "additionalProperties": false })
}

/// A list: an array, or an object with these members.
pub(super) fn list(envelope: Option<&Envelope>) -> Value {
    let array = json!({ "type": "array", "items": component("schemas/Task") });
    let Some(Envelope { list, count, limit_and_offset }) = envelope else { return array };

    let mut properties = Map::new();
    properties.insert(list.clone(), array);
    let number =
        json!({ "type": "integer", "minimum": 0, "description": "How many tasks the whole list has" });
    properties.insert(count.clone(), number);
    for name in limit_and_offset.iter().flatten() {
        let number =
            json!({ "type": ["integer", "null"], "minimum": 0, "description": "Null with a cursor" });
        properties.insert(name.clone(), number);
    }
    let required: Vec<_> = properties.keys().cloned().collect();
    json!({ "type": "object", "required": required, "properties": properties, "additionalProperties": false })
}

pub(super) fn list_example(envelope: Option<&Envelope>) -> Value {
    let array = json!([task_example(false)]);
    let Some(Envelope { list, count, limit_and_offset }) = envelope else { return array };

    let mut example = json!({ list: array, count: 1 });
    if let Some([limit, offset]) = limit_and_offset {
        example[limit] = DEFAULT_LIMIT.into();
        example[offset] = 0.into();
    }
    example
}

/// The answer to each of the bodies in [`body_example`].
pub(super) fn task_example(is_completed: bool) -> Value {
    json!({
        "id": 1,
        "user_id": "alice",
        "title": "buy milk",
        "description": "two litres",
        "completed": is_completed,
        "created_at": "2026-01-10T09:30:00.123456Z",
        "updated_at": "2026-01-10T09:30:00.123456Z",
    })
}

pub(super) fn body_example(schema: &str) -> Value {
    match schema {
        "TaskDraft" => json!({ "title": "buy milk", "description": "two litres" }),
        "TaskChanges" => json!({ "description": "two litres" }),
        _ => json!({ "completed": true }),
    }
}
