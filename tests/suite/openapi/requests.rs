//! Requests that bring about every answer of an operation.

use std::convert::Infallible;

use bytes::Bytes;
use futures_util::stream;
use http::HeaderValue;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HOST, IF_NONE_MATCH};
use http_body_util::StreamBody;
use serde_json::json;

use super::description::Operation;
use crate::world::{Answer, Person, Request, World, send};

/// A request for an operation as the document describes it. Each has a task of its own, because a DELETE takes it away.
pub struct Valid<'a> {
    pub operation: &'a Operation,
    pub person: &'a Person,
    pub id: String,
}

impl<'a> Valid<'a> {
    pub async fn new(operation: &'a Operation, person: &'a Person) -> Self {
        let id = match operation.path.contains("{id}") {
            true => person.creates(json!({ "title": "buy milk", "description": "two litres" })).await["id"]
                .to_string(),
            false => String::new(),
        };
        Self { operation, person, id }
    }

    pub fn path(&self) -> String {
        self.operation.path.replace("{id}", &self.id).replace("{user_id}", "alice")
    }

    pub fn takes_body(&self) -> bool {
        !self.operation.body_example().is_null()
    }

    pub fn request(&self) -> Request {
        self.request_to(self.person, &self.path())
    }

    fn request_to(&self, person: &Person, path: &str) -> Request {
        let body = if self.takes_body() { self.operation.body_example().to_string() } else { String::new() };
        self.with_body(person, path, body)
    }

    fn with_body(&self, person: &Person, path: &str, body: impl Into<Bytes>) -> Request {
        let mut request = person.request(self.operation.method.clone(), path, body);
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        request
    }

    async fn send(&self, request: Request) -> Answer {
        send(self.person.address, request).await
    }

    pub async fn succeeds(&self) -> Answer {
        self.send(self.request()).await
    }

    /// Everything but a success, as far as the request alone decides it.
    pub async fn refusals(&self, world: &World) -> Vec<(&'static str, Answer)> {
        let mut answers = vec![("bad host", self.send(self.with_header(HOST.as_str(), "a b")).await)];
        if self.operation.needs_token() {
            let path = self.path();
            for (label, person) in [("no token", world.anonymous()), ("bad token", world.bearer("nonsense"))]
            {
                answers.push((label, self.send(self.request_to(&person, &path)).await));
            }
        }
        if self.operation.path.contains("{user_id}") {
            let path = self.path().replace("alice", "bob");
            answers.push(("another user", self.send(self.request_to(self.person, &path)).await));
        }
        for id in ["0", "x", "9007199254740991"].into_iter().filter(|_| !self.id.is_empty()) {
            let path = self.operation.path.replace("{id}", id).replace("{user_id}", "alice");
            answers.push(("no such task", self.send(self.request_to(self.person, &path)).await));
        }
        if self.operation.value["parameters"]
            .as_array()
            .is_some_and(|list| list.iter().any(|parameter| parameter["name"] == "status"))
        {
            let path = format!("{}?status=nonsense", self.path());
            answers.push(("bad parameter", self.send(self.request_to(self.person, &path)).await));
        }
        if self.takes_body() {
            answers.extend(self.refused_bodies().await);
        }
        if self.operation.statuses().contains(&304) {
            let tag = self.succeeds().await.header("etag").to_owned();
            answers.push(("cached", self.send(self.with_header(IF_NONE_MATCH.as_str(), &tag)).await));
        }
        answers
    }

    async fn refused_bodies(&self) -> Vec<(&'static str, Answer)> {
        let path = self.path();
        let mut answers = Vec::new();
        for (label, body) in [
            ("malformed", "{1".to_owned()),
            ("not an object", "[]".to_owned()),
            ("wrong type", json!({ "title": 1, "completed": "x" }).to_string()),
            ("blank", json!({ "title": " ", "completed": true }).to_string()),
            ("no title", json!({ "description": 1 }).to_string()),
            ("no member", json!({ "other": 1 }).to_string()),
            ("too large", format!("{{\"title\": \"{}\"}}", "x".repeat(70_000))),
        ] {
            // An object without any member is a valid body of some operations.
            answers.push((label, self.send(self.with_body(self.person, &path, body)).await));
        }
        let text = self.with_header(CONTENT_TYPE.as_str(), "text/plain");
        answers.push(("not JSON", self.send(text).await));
        answers.push(("compressed", self.send(self.with_header(CONTENT_ENCODING.as_str(), "gzip")).await));

        let (head, _) = self.request().into_parts();
        let never = StreamBody::new(stream::pending::<Result<hyper::body::Frame<Bytes>, Infallible>>());
        let slow = http::Request::from_parts(head, never);
        answers.push(("too slow", send(self.person.address, slow).await));
        answers
    }

    fn with_header(&self, name: &str, value: &str) -> Request {
        let mut request = self.request();
        let name = http::HeaderName::from_bytes(name.as_bytes()).expect("a name");
        request.headers_mut().insert(name, value.parse().expect("a value"));
        request
    }
}
