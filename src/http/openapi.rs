//! The OpenAPI document: every route of the three contracts, for programs and for the page `/docs`.
//!
//! One table ([`contracts`]) makes the three contracts, which differ in few values. utoipa would read attributes of
//! handlers instead, so that every text stood there three times, and would not know the middleware's answers. A test walks
//! the routes of the real server and compares each answer with this document.

#![expect(
    clippy::indexing_slicing,
    reason = "an index of a JSON object adds a member, and every indexed value is an object made here"
)]

mod contracts;
mod parameters;
mod responses;
mod schemas;
mod server_routes;

use serde_json::{Map, Value, json};

use super::Envelopes;
use contracts::CONTRACTS;

const DESCRIPTION: &str = "\
Tasks of users, each visible to its own user alone: PostgreSQL's row-level security decides who sees which row.

Three contracts serve the same tasks at the same time. Choose one and stay with it. `/api/v1/tasks` is the one to start \
with; the other two serve front ends that exist already.

- Every call of a contract needs `Authorization: Bearer <JWT>`. The token says who the user is, and nothing else does.
- Every error has a text in `detail` that says what is wrong and what to do.
- A trailing slash makes no difference. HEAD works wherever GET does, without a body.
- OPTIONS answers 204, and `Allow` names the methods of the path. Any other method is a 405 with the same `Allow`.
- A head of more than 32 KiB or 100 headers gets a 414 or 431, and a query of more than 1000 parameters a 400.
- Every answer has an `X-Request-Id`. A request can bring its own: 1 to 128 letters, digits, `.`, `_` and `-`.
";

const REPLICAS: &str = "\
- Reads can come from a replica, which may lag behind. Every answer of a contract has an `X-Rowkeep-Position`: send the last one \
  that you got with the next request, and its answer is not older than what you have seen. If requests overlap, send \
  those of all of them with the next one, separated by commas: its answer has one for all. `primary` as its value, or more than \
  eight, read what is committed, also by others.
";

/// Makes the document of a server whose lists have these envelopes.
pub fn document(envelopes: &Envelopes, has_replicas: bool) -> Value {
    let mut paths = Map::new();
    for contract in &CONTRACTS {
        contracts::add_paths(&mut paths, contract, (contract.envelope)(envelopes), has_replicas);
    }
    server_routes::add_paths(&mut paths);

    let mut tags: Vec<_> =
        CONTRACTS.iter().map(|contract| tag(contract.tag, contract.path, contract.description)).collect();
    tags.push(tag(server_routes::TAG, "The server", "The server itself. These routes need no token."));

    let mut error_responses = Map::new();
    let mut error_schemas = Map::new();
    for contract in &CONTRACTS {
        responses::add_errors(&mut error_responses, contract);
        error_schemas.insert(contract.error_schema.into(), schemas::error(contract.errors));
    }
    let mut all_schemas = schemas::tasks();
    all_schemas.extend(error_schemas);
    all_schemas.extend(server_routes::schemas());

    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Rowkeep",
            "summary": "A task backend whose privacy is enforced by PostgreSQL",
            "description": if has_replicas { format!("{DESCRIPTION}{REPLICAS}") } else { DESCRIPTION.to_owned() },
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "MIT or Apache-2.0", "identifier": env!("CARGO_PKG_LICENSE") },
        },
        "servers": [{ "url": "/", "description": "The server that this document comes from" }],
        "security": [{ "bearerAuth": [] }],
        "tags": tags,
        "paths": paths,
        "components": {
            "securitySchemes": {
                "bearerAuth": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "The user is the `sub` claim of the token, unless the server is configured otherwise.",
                },
            },
            "parameters": parameters::components(has_replicas),
            "headers": responses::headers(has_replicas),
            "responses": error_responses,
            "schemas": all_schemas,
        },
    })
}

/// Pages show the title in the place of the name.
fn tag(name: &str, title: &str, description: &str) -> Value {
    json!({ "name": name, "description": description, "x-displayName": title })
}

/// A reference to a component, such as `schemas/Task`.
fn component(path: &str) -> Value {
    json!({ "$ref": format!("#/components/{path}") })
}
