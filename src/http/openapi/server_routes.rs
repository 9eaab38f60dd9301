//! The routes that belong to no contract.

use serde_json::{Map, Value, json};

use super::responses::{json_body, response};
use super::{component, parameters};

pub(super) const TAG: &str = "server";

pub(super) fn add_paths(paths: &mut Map<String, Value>) {
    let health = |status: &str| json_body(component("schemas/Health"), json!({ "status": status }));
    let unhealthy = json_body(
        component("schemas/Health"),
        json!({ "status": "unhealthy", "detail": "The database refuses the login or the queries of this server: the log of the server says why." }),
    );
    let index = json_body(component("schemas/Index"), crate::http::documentation::index());
    let document = json!({ "application/json": { "schema": { "type": "object" } } });
    let page = json!({ "text/html": { "schema": { "type": "string" } } });

    paths.insert(
        "/".into(),
        get(
            "readIndex",
            "Find the documentation",
            "Says where the documentation is.",
            [(200, response("The paths", &[], Some(index)))],
        ),
    );
    paths.insert(
        "/health".into(),
        get(
            "readHealth",
            "Ask whether the server can answer requests",
            "Healthy means: the database can be reached and protects its tables, and there is a key to verify tokens. \
             Degraded: so it is, but a node of a distributed database does not answer, so that some users are refused.",
            [
                (200, response("The server can answer requests", &[], Some(health("healthy")))),
                (503, response("It cannot; `detail` says why", &[], Some(unhealthy))),
            ],
        ),
    );
    let alive = json_body(component("schemas/Liveness"), json!({ "status": "alive" }));
    paths.insert(
        "/live".into(),
        get(
            "readLiveness",
            "Ask whether the server runs",
            "Needs no database.",
            [(200, response("It runs", &[], Some(alive)))],
        ),
    );
    for (path, id, summary, description, content) in [
        ("/openapi.json", "readOpenApi", "Read this document", "Describes every route.", document),
        ("/docs", "readDocs", "Open the page to read and try the API", "A page for people.", page),
    ] {
        let mut operation = get(
            id,
            summary,
            description,
            [
                (200, response("The document", &["ETag"], Some(content))),
                (304, response("It is the version of `If-None-Match`", &["ETag"], None)),
            ],
        );
        if let Some(parameters) = operation["get"]["parameters"].as_array_mut() {
            parameters.push(component("parameters/IfNoneMatch"));
        }
        paths.insert(path.into(), operation);
    }
}

/// A path with a GET that needs no token.
fn get<const N: usize>(id: &str, summary: &str, description: &str, answers: [(u16, Value); N]) -> Value {
    let mut responses: Map<_, _> =
        answers.into_iter().map(|(status, answer)| (status.to_string(), answer)).collect();
    let detail = json_body(
        component("schemas/Error"),
        json!({ "detail": "The request must have one Host header with the name of the server: send it as in Host: tasks.example." }),
    );
    responses.insert("400".into(), response("The head of the request is not acceptable", &[], Some(detail)));
    json!({
        "get": {
            "operationId": id,
            "tags": [TAG],
            "summary": summary,
            "description": description,
            "security": [],
            "parameters": parameters::of_every_request(),
            "responses": responses,
        },
    })
}

pub(super) fn schemas() -> Map<String, Value> {
    let status = |values: &[&str]| json!({ "type": "string", "enum": values });
    let path = || json!({ "type": "string" });
    [
        (
            "Health",
            json!({
                "type": "object",
                "required": ["status"],
                "properties": {
                    "status": status(&["healthy", "degraded", "unhealthy"]),
                    "detail": { "type": "string", "description": "What is wrong, or what the operator should know" },
                },
                "additionalProperties": false,
            }),
        ),
        (
            "Liveness",
            json!({
                "type": "object",
                "required": ["status"],
                "properties": { "status": status(&["alive"]) },
                "additionalProperties": false,
            }),
        ),
        (
            "Index",
            json!({
                "type": "object",
                "required": ["name", "version", "docs", "openapi", "health"],
                "properties": {
                    "name": path(), "version": path(), "docs": path(), "openapi": path(), "health": path(),
                },
                "additionalProperties": false,
            }),
        ),
    ]
    .map(|(name, schema)| (name.to_owned(), schema))
    .into_iter()
    .collect()
}
