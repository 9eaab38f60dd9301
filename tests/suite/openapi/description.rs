//! The OpenAPI document as tests read it.

use std::collections::BTreeSet;

use http::Method;
use jsonschema::Validator;
use serde_json::{Value, json};

use crate::world::{Answer, Person};

/// The headers that every answer of an HTTP server can have, and those for the browser alone. The document leaves them out.
const COMMON_HEADERS: [&str; 14] = [
    "cache-control",
    "connection",
    "content-length",
    "content-security-policy",
    "content-type",
    "cross-origin-opener-policy",
    "cross-origin-resource-policy",
    "date",
    "keep-alive",
    "referrer-policy",
    "transfer-encoding",
    "vary",
    "x-content-type-options",
    "x-frame-options",
];

pub struct Description(pub Value);

/// A path and a method of the document.
#[derive(Clone, Debug)]
pub struct Operation {
    pub method: Method,
    pub path: String,
    pub value: Value,
}

impl Operation {
    pub fn id(&self) -> &str {
        self.value["operationId"].as_str().expect("an operationId")
    }

    pub fn needs_token(&self) -> bool {
        self.value["security"].is_null()
    }

    /// The statuses that the document has for it.
    pub fn statuses(&self) -> BTreeSet<u16> {
        let responses = self.value["responses"].as_object().expect("responses");
        responses.keys().map(|status| status.parse().expect("a status")).collect()
    }

    /// The example of its JSON body; null if it takes none.
    pub fn body_example(&self) -> &Value {
        &self.value["requestBody"]["content"]["application/json"]["example"]
    }
}

impl Description {
    pub async fn of(person: &Person) -> Self {
        Self(person.get("/openapi.json").await.json())
    }

    pub fn operations(&self) -> Vec<Operation> {
        let mut operations = Vec::new();
        for (path, item) in self.0["paths"].as_object().expect("paths") {
            for (method, value) in item.as_object().expect("a path") {
                if let Ok(method) = Method::from_bytes(method.to_uppercase().as_bytes())
                    && method != "PARAMETERS"
                {
                    operations.push(Operation { method, path: path.clone(), value: value.clone() });
                }
            }
        }
        operations
    }

    /// What a value is, or refers to.
    pub fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value["$ref"].as_str() {
            Some(reference) => {
                let pointer = reference.strip_prefix('#').expect("a reference into the document");
                self.0.pointer(pointer).unwrap_or_else(|| panic!("{reference} is missing"))
            }
            None => value,
        }
    }

    /// A validator of one of the document's schemas.
    pub fn validator(&self, schema: &Value) -> Validator {
        let schema = json!({ "allOf": [schema], "components": self.0["components"] });
        jsonschema::options().should_validate_formats(true).build(&schema).expect("a valid schema")
    }

    /// The response that the document has for a status.
    pub fn response(&self, operation: &Operation, status: u16) -> Option<&Value> {
        let method = operation.method.as_str().to_lowercase();
        let response = &self.0["paths"][&operation.path][method]["responses"][status.to_string()];
        (!response.is_null()).then(|| self.resolve(response))
    }

    /// What of this answer is not as the document says: its status, a header, or its body.
    pub fn faults(&self, operation: &Operation, answer: &Answer) -> Vec<String> {
        let Some(response) = self.response(operation, answer.status()) else {
            return vec![format!("status {}", answer.status())];
        };
        let mut faults = Vec::new();
        let described = response["headers"].as_object().expect("headers");
        for name in answer.headers.keys().map(http::HeaderName::as_str) {
            let is_described = described.keys().any(|known| known.eq_ignore_ascii_case(name));
            if !COMMON_HEADERS.contains(&name) && !is_described {
                faults.push(format!("header {name}"));
            }
        }
        for (name, header) in described {
            let header = self.resolve(header);
            let is_number = header["schema"]["type"] == "integer";
            match answer.headers.get(name).map(|value| value.to_str().expect("ASCII")) {
                None if header["required"] == true => faults.push(format!("no header {name}")),
                None => {}
                Some(value) => {
                    let number = || value.parse::<i64>().map_or(Value::Null, Value::from);
                    let value = if is_number { number() } else { json!(value) };
                    faults.extend(self.misfits(&value, &header["schema"]));
                }
            }
        }

        let content_type = answer.header("content-type").split(';').next().unwrap_or_default();
        match &response["content"][content_type] {
            Value::Null if response["content"].is_null() && answer.body.is_empty() => {}
            Value::Null => faults.push(format!("content type {content_type}")),
            media if content_type == "application/json" => {
                faults.extend(self.misfits(&answer.json(), &media["schema"]));
            }
            media => {
                let text = String::from_utf8_lossy(&answer.body).into_owned();
                faults.extend(self.misfits(&json!(text), &media["schema"]));
            }
        }
        faults
    }

    fn misfits(&self, value: &Value, schema: &Value) -> Vec<String> {
        self.validator(schema).iter_errors(value).map(|error| error.to_string()).collect()
    }
}
