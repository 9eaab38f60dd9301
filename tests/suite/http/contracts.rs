//! The three contracts, as far as one sentence can be about all of them.

use std::fmt::Display;

use http::Method;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::world::{Answer, Person};

/// What tells a contract from the others.
#[derive(Debug)]
pub struct Contract {
    list: &'static str,
    /// The status for what is well-formed and not acceptable.
    pub invalid: u16,
    /// Where its front end looks for the text that is in `detail`.
    also: Option<&'static str>,
    /// Every call of one task, with a body that suits it; empty where it takes none.
    pub doors: &'static [Door],
}

/// A call of one task.
#[derive(Debug)]
pub struct Door {
    pub method: Method,
    /// What follows the id.
    pub after: &'static str,
    pub body: &'static str,
}

pub const U: Contract = Contract {
    list: "/api/{user_id}/tasks",
    invalid: 422,
    also: None,
    doors: &[
        Door { method: Method::GET, after: "", body: "" },
        Door { method: Method::PUT, after: "", body: TITLE },
        Door { method: Method::PATCH, after: "", body: DONE },
        Door { method: Method::PATCH, after: "/complete", body: DONE },
        Door { method: Method::PATCH, after: "/complete", body: "{}" },
        Door { method: Method::DELETE, after: "", body: "" },
    ],
};

pub const T: Contract = Contract {
    list: "/api/tasks",
    invalid: 400,
    also: Some("error"),
    doors: &[
        Door { method: Method::GET, after: "", body: "" },
        Door { method: Method::PUT, after: "", body: TITLE },
        Door { method: Method::PATCH, after: "/complete", body: DONE },
        Door { method: Method::DELETE, after: "", body: "" },
    ],
};

pub const V: Contract = Contract {
    list: "/api/v1/tasks",
    invalid: 422,
    also: Some("message"),
    doors: &[
        Door { method: Method::GET, after: "", body: "" },
        Door { method: Method::PUT, after: "", body: TITLE },
        Door { method: Method::PATCH, after: "/toggle", body: "" },
        Door { method: Method::DELETE, after: "", body: "" },
    ],
};

pub const CONTRACTS: [Contract; 3] = [U, T, V];

const TITLE: &str = r#"{"title":"another title"}"#;
const DONE: &str = r#"{"completed":true}"#;

impl Contract {
    /// The path of a person's list.
    pub fn tasks(&self, person: &Person) -> String {
        self.list.replace("{user_id}", &encoded(&person.id))
    }

    /// The path of one task.
    pub fn task(&self, person: &Person, id: impl Display) -> String {
        format!("{}/{id}", self.tasks(person))
    }

    /// The calls whose body is read.
    pub fn doors_with_body(&self) -> impl Iterator<Item = &Door> {
        self.doors.iter().filter(|door| !door.body.is_empty())
    }

    /// Expects a refusal as this contract words it.
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

impl Door {
    /// The path through this door to one task.
    pub fn path(&self, contract: &Contract, person: &Person, id: impl Display) -> String {
        contract.task(person, id) + self.after
    }

    /// Goes through, with the body that suits.
    pub async fn enter(&self, contract: &Contract, person: &Person, id: impl Display) -> Answer {
        self.enter_with(contract, person, id, self.body).await
    }

    /// Goes through with another body.
    pub async fn enter_with(
        &self,
        contract: &Contract,
        person: &Person,
        id: impl Display,
        body: &str,
    ) -> Answer {
        person.send(self.method.clone(), &self.path(contract, person, id), body.to_owned()).await
    }
}

impl Display for Door {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{} {{id}}{} {}", self.method, self.after, self.body)
    }
}

impl Display for Contract {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}", self.list)
    }
}

/// A user's id as it stands in a path.
pub fn encoded(id: &str) -> String {
    utf8_percent_encode(id, NON_ALPHANUMERIC).to_string()
}
