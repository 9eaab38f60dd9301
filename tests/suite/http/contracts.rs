//! What tests of all three contracts share: paths, calls and the form of errors.

use std::fmt::Display;

use http::Method;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::world::{Answer, Person};

#[derive(Debug)]
pub struct Contract {
    list: &'static str,
    /// The status for a well-formed body that fails validation.
    pub invalid: u16,
    /// The member of an error that repeats `detail`, for the front end of this contract.
    also: Option<&'static str>,
    /// Every call to one task, with a valid body. The body is empty where the call needs none.
    pub calls: &'static [TaskCall],
}

#[derive(Debug)]
pub struct TaskCall {
    pub method: Method,
    /// The part of the path after the id.
    pub after: &'static str,
    pub body: &'static str,
}

pub const USER_TASKS: Contract = Contract {
    list: "/api/{user_id}/tasks",
    invalid: 422,
    also: None,
    calls: &[
        TaskCall { method: Method::GET, after: "", body: "" },
        TaskCall { method: Method::PUT, after: "", body: TITLE },
        TaskCall { method: Method::PATCH, after: "", body: DONE },
        TaskCall { method: Method::PATCH, after: "/complete", body: DONE },
        TaskCall { method: Method::PATCH, after: "/complete", body: "{}" },
        TaskCall { method: Method::PATCH, after: "/complete", body: "" },
        TaskCall { method: Method::DELETE, after: "", body: "" },
    ],
};

pub const TASKS: Contract = Contract {
    list: "/api/tasks",
    invalid: 400,
    also: Some("error"),
    calls: &[
        TaskCall { method: Method::GET, after: "", body: "" },
        TaskCall { method: Method::PUT, after: "", body: TITLE },
        TaskCall { method: Method::PATCH, after: "", body: TITLE },
        TaskCall { method: Method::PATCH, after: "/complete", body: DONE },
        TaskCall { method: Method::PATCH, after: "/complete", body: "" },
        TaskCall { method: Method::DELETE, after: "", body: "" },
    ],
};

pub const V1_TASKS: Contract = Contract {
    list: "/api/v1/tasks",
    invalid: 422,
    also: Some("message"),
    calls: &[
        TaskCall { method: Method::GET, after: "", body: "" },
        TaskCall { method: Method::PUT, after: "", body: TITLE },
        TaskCall { method: Method::PATCH, after: "", body: TITLE },
        TaskCall { method: Method::PATCH, after: "/toggle", body: "" },
        TaskCall { method: Method::DELETE, after: "", body: "" },
    ],
};

pub const CONTRACTS: [Contract; 3] = [USER_TASKS, TASKS, V1_TASKS];

const TITLE: &str = r#"{"title":"another title"}"#;
const DONE: &str = r#"{"completed":true}"#;

impl Contract {
    pub fn tasks(&self, person: &Person) -> String {
        self.list.replace("{user_id}", &encoded(&person.id))
    }

    pub fn task(&self, person: &Person, id: impl Display) -> String {
        format!("{}/{id}", self.tasks(person))
    }

    /// The calls whose body is read.
    pub fn calls_with_body(&self) -> impl Iterator<Item = &TaskCall> {
        self.calls.iter().filter(|call| !call.body.is_empty())
    }

    /// Asserts that the answer is an error of this status in the format of this contract.
    pub fn refuses(&self, answer: &Answer, status: u16, label: impl Display) {
        assert_eq!(answer.status(), status, "{label}: {answer:?}");
        assert_eq!(answer.header("content-type"), "application/json", "{label}");
        let detail = answer.detail();
        assert!(detail.len() > 10, "{label}: {detail}");

        let mut wanted = serde_json::json!({ "detail": detail });
        if let Some(also) = self.also {
            wanted[also] = detail.into();
        }
        assert_eq!(answer.json(), wanted, "{label}");
    }
}

impl TaskCall {
    pub fn path(&self, contract: &Contract, person: &Person, id: impl Display) -> String {
        contract.task(person, id) + self.after
    }

    /// Sends the call with its valid body.
    pub async fn send(&self, contract: &Contract, person: &Person, id: impl Display) -> Answer {
        self.send_body(contract, person, id, self.body).await
    }

    /// Sends the call with another body.
    pub async fn send_body(
        &self,
        contract: &Contract,
        person: &Person,
        id: impl Display,
        body: &str,
    ) -> Answer {
        person.send(self.method.clone(), &self.path(contract, person, id), body.to_owned()).await
    }
}

impl Display for TaskCall {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{} {{id}}{} {}", self.method, self.after, self.body)
    }
}

impl Display for Contract {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}", self.list)
    }
}

/// A user id, percent-encoded for a path.
pub fn encoded(id: &str) -> String {
    utf8_percent_encode(id, NON_ALPHANUMERIC).to_string()
}
