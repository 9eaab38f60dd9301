//! The three contracts as one table, and the operations that each has.

use serde_json::{Map, Value, json};

use super::responses::{Reads, error, json_body, response};
use super::{component, parameters, schemas};
use crate::http::Envelopes;
use crate::http::envelope::Envelope;
use crate::http::response::ErrorFormat;
use crate::http::{tasks, user_tasks, v1_tasks};

/// What tells one contract from another.
pub(super) struct Contract {
    pub tag: &'static str,
    pub description: &'static str,
    /// The path of its list.
    pub path: &'static str,
    /// A part of the names of its operations and responses.
    pub noun: &'static str,
    pub errors: ErrorFormat,
    pub error_schema: &'static str,
    pub has_pages: bool,
    /// The object around its lists, if there is one.
    pub envelope: fn(&Envelopes) -> Option<&Envelope>,
    /// What a PUT without a description does.
    replace: &'static str,
    completion: Completion,
    /// Whether a DELETE answers with JSON.
    confirms_delete: bool,
}

/// The path below a task that changes `completed`.
struct Completion {
    path: &'static str,
    verb: &'static str,
    description: &'static str,
    /// The schema of the body, which may be left out; `None` if a body is ignored.
    body: Option<&'static str>,
}

pub(super) static CONTRACTS: [Contract; 3] = [
    Contract {
        tag: "v1_tasks",
        description: "Start here: pages, filters, sorting and search. An error repeats its text in `message`.",
        path: "/api/v1/tasks",
        noun: "V1Task",
        errors: v1_tasks::ERRORS,
        error_schema: "V1TaskError",
        has_pages: true,
        envelope: |envelopes| envelopes.v1_tasks.as_ref(),
        replace: "A member that is not there stays as it is.",
        completion: Completion {
            path: "toggle",
            verb: "toggle",
            description: "Flips `completed`. A body is ignored. Two toggles at the same moment are two toggles.",
            body: None,
        },
        confirms_delete: false,
    },
    Contract {
        tag: "tasks",
        description: "Lists come whole. Invalid values are a 400, and an error repeats its text in `error`.",
        path: "/api/tasks",
        noun: "Task",
        errors: tasks::ERRORS,
        error_schema: "TaskError",
        has_pages: false,
        envelope: |envelopes| envelopes.tasks.as_ref(),
        replace: "A member that is not there stays as it is.",
        completion: Completion {
            path: "complete",
            verb: "complete",
            description: "Sets `completed`. Without any body it flips `completed`.",
            body: Some("TaskCompletion"),
        },
        confirms_delete: true,
    },
    Contract {
        tag: "user_tasks",
        description: "The path names the user of the token. Lists come whole.",
        path: "/api/{user_id}/tasks",
        noun: "UserTask",
        errors: user_tasks::ERRORS,
        error_schema: "Error",
        has_pages: false,
        envelope: |envelopes| envelopes.user_tasks.as_ref(),
        replace: "Without `description` the task has none afterwards. `completed` stays as it is if it is not there.",
        completion: Completion {
            path: "complete",
            verb: "complete",
            description: "Sets `completed`. Without a body, or without `completed` in it, it flips `completed`.",
            body: Some("OptionalTaskChanges"),
        },
        confirms_delete: false,
    },
];

impl Contract {
    pub(super) fn names_user(&self) -> bool {
        self.path.contains("{user_id}")
    }

    /// The statuses of errors that an operation can answer, which depend on what it reads.
    fn errors_of(&self, reads: Reads) -> Vec<u16> {
        let invalid = self.errors.invalid_status.as_u16();
        let mut statuses = vec![400, 401, 429, 500, 503];
        statuses.extend(self.names_user().then_some(403));
        statuses.extend((reads.id).then_some(404));
        statuses.extend(reads.query.then_some(invalid));
        if reads.body {
            statuses.extend([408, 413, 415, invalid]);
        }
        statuses.sort_unstable();
        statuses.dedup();
        statuses
    }

    fn operation(
        &self,
        verb: &str,
        summary: &str,
        description: &str,
        success: (u16, Value),
        reads: Reads,
    ) -> Value {
        let (status, success) = success;
        let mut responses = Map::new();
        responses.insert(status.to_string(), success);
        for status in self.errors_of(reads) {
            responses.insert(status.to_string(), error(self, status, reads));
        }
        json!({
            "operationId": format!("{verb}{}{}", self.noun, if verb == "list" { "s" } else { "" }),
            "tags": [self.tag],
            "summary": summary,
            "description": description,
            "responses": responses,
        })
    }
}

const ID: Reads = Reads { query: false, id: true, body: false };
const ID_AND_BODY: Reads = Reads { query: false, id: true, body: true };

pub(super) fn add_paths(
    paths: &mut Map<String, Value>,
    contract: &Contract,
    envelope: Option<&Envelope>,
    has_replicas: bool,
) {
    let user = contract.names_user().then(|| component("parameters/UserId"));
    let mut headers = vec![component("parameters/RequestId")];
    headers.extend(has_replicas.then(|| component("parameters/Position")));
    let list_parameters: Vec<_> = user.clone().into_iter().chain(headers.clone()).collect();
    let task_parameters: Vec<_> =
        user.into_iter().chain([component("parameters/TaskId")]).chain(headers).collect();
    let path = contract.path;
    let completion = &contract.completion;

    paths.insert(
        path.into(),
        json!({
            "parameters": list_parameters,
            "get": list(contract, envelope),
            "post": create(contract),
        }),
    );
    paths.insert(
        format!("{path}/{{id}}"),
        json!({
            "parameters": task_parameters,
            "get": contract.operation("read", "Read a task", "Reads a task.", task(false), ID),
            "put": with_body(
                contract.operation("replace", "Replace a task", contract.replace, task(false), ID_AND_BODY),
                "TaskDraft",
                true,
            ),
            "patch": with_body(
                contract.operation(
                    "edit",
                    "Edit a task in part",
                    "Changes the members that are there, and keeps the others. At least one must be there.",
                    task(false),
                    ID_AND_BODY,
                ),
                "TaskChanges",
                true,
            ),
            "delete": delete(contract),
        }),
    );
    let reads = Reads { body: completion.body.is_some(), ..ID };
    let mut complete = contract.operation(
        completion.verb,
        "Complete a task, or reopen it",
        completion.description,
        task(true),
        reads,
    );
    if let Some(schema) = completion.body {
        complete = with_body(complete, schema, false);
    }
    let completion_path = format!("{path}/{{id}}/{}", completion.path);
    paths.insert(completion_path.clone(), json!({ "parameters": task_parameters, "patch": complete }));
    if has_replicas {
        for path in [path.to_owned(), format!("{path}/{{id}}"), completion_path] {
            paths.get_mut(&path).into_iter().for_each(add_position);
        }
    }
}

/// Adds the position to every success of the operations of a path.
fn add_position(path: &mut Value) {
    let operations = path.as_object_mut().into_iter().flat_map(|members| members.values_mut());
    let responses = operations.filter_map(|operation| operation.get_mut("responses")?.as_object_mut());
    for (status, response) in responses.flatten() {
        if status.starts_with('2') {
            response["headers"]["X-Rowkeep-Position"] = component("headers/X-Rowkeep-Position");
        }
    }
}

fn list(contract: &Contract, envelope: Option<&Envelope>) -> Value {
    let (description, headers) = if contract.has_pages {
        let description = "Lists a page of the caller's tasks. `Link` leads to the next page. Two names of one parameter \
                           with different values are a 422, and so are `cursor` and `offset` together.";
        (description, &["Link", "X-Total-Count"][..])
    } else {
        ("Lists all tasks of the caller, newest first, however many there are.", &[][..])
    };
    let success = response(
        "The tasks",
        headers,
        Some(json_body(schemas::list(envelope), schemas::list_example(envelope))),
    );
    let reads = Reads { query: true, ..Reads::default() };
    let mut operation = contract.operation("list", "List tasks", description, (200, success), reads);
    operation["parameters"] = parameters::of_list(contract.has_pages).into();
    operation
}

fn create(contract: &Contract) -> Value {
    let reads = Reads { body: true, ..Reads::default() };
    let body = json_body(component("schemas/Task"), schemas::task_example(false));
    let mut created = response("The new task", &["Location"], Some(body));
    created["links"] = links(contract);
    let description = "Creates a task. It is not completed, unless the body says so.";
    let operation = contract.operation("create", "Create a task", description, (201, created), reads);
    with_body(operation, "TaskDraft", true)
}

/// What a client can do next with the task that it has created.
fn links(contract: &Contract) -> Value {
    let mut parameters = json!({ "id": "$response.body#/id" });
    if contract.names_user() {
        parameters["user_id"] = "$request.path.user_id".into();
    }
    let verbs = ["read", "replace", "edit", contract.completion.verb, "delete"];
    let links = verbs.map(|verb| {
        let operation = format!("{verb}{}", contract.noun);
        (verb.to_owned(), json!({ "operationId": operation, "parameters": parameters }))
    });
    Value::Object(links.into_iter().collect())
}

fn delete(contract: &Contract) -> Value {
    let success = if contract.confirms_delete {
        let body = json_body(component("schemas/Message"), json!({ "message": tasks::DELETED }));
        (200, response("The task is deleted", &[], Some(body)))
    } else {
        (204, response("The task is deleted", &[], None))
    };
    contract.operation("delete", "Delete a task", "Deletes a task.", success, ID)
}

/// 200 with the task.
fn task(is_completed: bool) -> (u16, Value) {
    let body = json_body(component("schemas/Task"), schemas::task_example(is_completed));
    (200, response("The task", &[], Some(body)))
}

fn with_body(mut operation: Value, schema: &str, is_required: bool) -> Value {
    operation["requestBody"] = json!({
        "required": is_required,
        "content": json_body(component(&format!("schemas/{schema}")), schemas::body_example(schema)),
    });
    operation
}
