//! What a body may be, before anybody asks what it means.

use std::convert::Infallible;

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderValue, Method};
use http_body_util::StreamBody;
use hyper::body::Frame;
use serde_json::{Value, json};

use super::contracts::{CONTRACTS, Contract, Door};
use crate::world::{Answer, Person, World, send};

/// The largest body that is read.
const LARGEST: usize = 64 * 1024;

/// A body of exactly so many bytes that is acceptable everywhere.
fn body_of(length: usize) -> String {
    let (start, end) = (r#"{"title":"buy milk","completed":true,"note":""#, r#""}"#);
    format!("{start}{}{end}", "x".repeat(length - start.len() - end.len()))
}

/// Every call that reads a body: creating a task, and those of one task.
async fn every_call(person: &Person, contract: &Contract, id: &Value, body: &[u8]) -> Vec<(String, Answer)> {
    let list = contract.tasks(person);
    let created = person.send(Method::POST, &list, Bytes::copy_from_slice(body)).await;
    let mut answers = vec![(format!("POST {list}"), created)];
    for door in contract.doors_with_body() {
        let path = door.path(contract, person, id);
        let answer = person.send(door.method.clone(), &path, Bytes::copy_from_slice(body)).await;
        answers.push((format!("{} {path}", door.method), answer));
    }
    answers
}

/// Sends a body in chunks, without saying how long it will be.
async fn send_chunked(person: &Person, method: Method, path: &str, chunks: Vec<String>) -> Answer {
    let frames = chunks.into_iter().map(|chunk| Ok::<_, Infallible>(Frame::data(Bytes::from(chunk))));
    let (mut head, _) = person.request(method, path, "").into_parts();
    head.headers.insert("content-type", HeaderValue::from_static("application/json"));
    send(person.address, http::Request::from_parts(head, StreamBody::new(stream::iter(frames)))).await
}

#[tokio::test]
async fn malformed_json_is_a_400_everywhere() {
    let world = World::new().await;
    let alice = world.user("alice");
    let task = alice.creates(json!({ "title": "buy milk" })).await;
    let deep = format!(r#"{{"title":"x","completed":true,"note":{}{}}}"#, "[".repeat(9999), "]".repeat(9999));
    let cases: &[(&str, &[u8])] = &[
        ("white space", b" \r\n\t"),
        ("a word", b"title"),
        ("an open object", br#"{"title":"x""#),
        ("an open text", br#"{"title":"x"#),
        ("a trailing comma", br#"{"title":"x",}"#),
        ("two commas", br#"{"title":"x",,"completed":true}"#),
        ("no colon", br#"{"title" "x"}"#),
        ("no value", br#"{"title":}"#),
        ("single quotes", b"{'title':'x'}"),
        ("a bare name", br#"{title:"x"}"#),
        ("a comment", br#"{"title":"x"/* milk */}"#),
        ("more after the end", br#"{"title":"x"}{"title":"y"}"#),
        ("a brace after the end", br#"{"title":"x"}}"#),
        ("a form", b"title=x&completed=true"),
        ("NaN", br#"{"title":"x","completed":NaN}"#),
        ("Infinity", br#"{"title":"x","note":Infinity}"#),
        ("-Infinity", br#"{"title":"x","note":-Infinity}"#),
        ("True", br#"{"title":"x","completed":True}"#),
        ("undefined", br#"{"title":undefined}"#),
        ("a leading zero", br#"{"title":"x","note":007}"#),
        ("a plus", br#"{"title":"x","note":+1}"#),
        ("a number without an end", br#"{"title":"x","note":1.}"#),
        ("hexadecimal", br#"{"title":"x","note":0x1}"#),
        ("a raw line break in a text", b"{\"title\":\"x\ny\"}"),
        ("a raw U+0000 in a text", b"{\"title\":\"x\0y\"}"),
        ("an unknown escape", br#"{"title":"\x41"}"#),
        ("a short escape", br#"{"title":"\u12"}"#),
        ("a lone high surrogate", br#"{"title":"\ud83e"}"#),
        ("a lone low surrogate", br#"{"title":"\udd5b"}"#),
        ("surrogates the wrong way round", br#"{"title":"\udd5b\ud83e"}"#),
        ("two high surrogates", br#"{"title":"\ud83e\ud83e"}"#),
        ("a lone surrogate in an unknown member", br#"{"title":"x","completed":true,"note":"\ud83e"}"#),
        ("a lone surrogate in a name", br#"{"title":"x","completed":true,"\ud83e":1}"#),
        ("not UTF-8", b"{\"title\":\"\xff\"}"),
        ("not UTF-8 in an unknown member", b"{\"title\":\"x\",\"completed\":true,\"note\":\"\xc3\x28\"}"),
        ("a surrogate as UTF-8", b"{\"title\":\"\xed\xa0\xbe\"}"),
        ("Latin-1", b"{\"title\":\"caf\xe9\"}"),
        ("UTF-16", b"\xff\xfe{\0}\0"),
        ("deeper than anybody reads", deep.as_bytes()),
        ("deep and open", &[b'['; 60_000]),
    ];

    for contract in CONTRACTS {
        for (label, body) in cases {
            for (call, answer) in every_call(&alice, &contract, &task["id"], body).await {
                contract.refuses(&answer, 400, format!("{call}: {label}"));
            }
        }
    }
    assert_eq!(alice.get("/api/tasks").await.json(), json!([task]));
}

#[tokio::test]
async fn a_body_may_be_a_hundred_levels_deep() {
    let world = World::new().await;
    let alice = world.user("alice");
    let id = alice.creates(json!({ "title": "buy milk" })).await["id"].clone();
    let body = format!(r#"{{"title":"x","completed":true,"note":{}{}}}"#, "[".repeat(99), "]".repeat(99));

    for contract in CONTRACTS {
        for (call, answer) in every_call(&alice, &contract, &id, body.as_bytes()).await {
            assert!(answer.status.is_success(), "{call}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn an_empty_body_is_malformed_where_one_is_needed() {
    let world = World::new().await;
    let alice = world.user("alice");
    let task = alice.creates(json!({ "title": "buy milk" })).await;

    for contract in CONTRACTS {
        for (call, answer) in every_call(&alice, &contract, &task["id"], b"").await {
            if call.starts_with("PATCH /api/alice/") && call.ends_with("/complete") {
                assert_eq!(answer.status(), 200, "{call}: it may be empty there");
            } else {
                contract.refuses(&answer, 400, format!("{call}: empty"));
            }
        }
    }
}

#[tokio::test]
async fn json_that_is_no_object_is_invalid() {
    let world = World::new().await;
    let alice = world.user("alice");
    let task = alice.creates(json!({ "title": "buy milk" })).await;

    for contract in CONTRACTS {
        for body in ["null", "true", "5", "\"title\"", "[]", r#"[{"title":"x","completed":true}]"#, "-0.0"] {
            for (call, answer) in every_call(&alice, &contract, &task["id"], body.as_bytes()).await {
                contract.refuses(&answer, contract.invalid, format!("{call}: {body}"));
            }
        }
    }
    assert_eq!(alice.get("/api/tasks").await.json(), json!([task]));
}

#[tokio::test]
async fn of_duplicate_members_the_last_counts() {
    let world = World::new().await;
    let alice = world.user("alice");
    let id = alice.creates(json!({ "title": "buy milk" })).await["id"].clone();

    for contract in CONTRACTS {
        let body = r#"{"title":5,"title":"first","description":7,"title":"last","description":"y"}"#;
        let created = alice.send(Method::POST, &contract.tasks(&alice), body).await;
        let replaced = alice.send(Method::PUT, &contract.task(&alice, &id), body).await;
        for answer in [created, replaced] {
            let task = answer.json();
            assert_eq!((&task["title"], &task["description"]), (&json!("last"), &json!("y")), "{contract}");
        }

        let body = r#"{"title":"first","\u0074itle":null}"#;
        let answer = alice.send(Method::POST, &contract.tasks(&alice), body).await;
        contract.refuses(&answer, contract.invalid, format!("{contract}: the last is no text"));
    }
    for path in [format!("/api/alice/tasks/{id}"), format!("/api/tasks/{id}/complete")] {
        let answer = alice.send(Method::PATCH, &path, r#"{"completed":null,"completed":true}"#).await;
        assert_eq!(answer.json()["completed"], true, "{path}");
        let answer = alice.send(Method::PATCH, &path, r#"{"completed":"x","completed":false}"#).await;
        assert_eq!(answer.json()["completed"], false, "{path}");
    }
}

#[tokio::test]
async fn a_body_of_64_kib_is_read_and_one_byte_more_is_not() {
    let world = World::new().await;
    let alice = world.user("alice");
    let id = alice.creates(json!({ "title": "buy milk" })).await["id"].clone();

    for contract in CONTRACTS {
        for (call, answer) in every_call(&alice, &contract, &id, body_of(LARGEST).as_bytes()).await {
            assert!(answer.status.is_success(), "{call}: {answer:?}");
        }
        for length in [LARGEST + 1, 10 * LARGEST] {
            for (call, answer) in every_call(&alice, &contract, &id, body_of(length).as_bytes()).await {
                contract.refuses(&answer, 413, format!("{call}: {length} bytes"));
            }
        }
    }
    assert_eq!(alice.get("/api/tasks").await.ids().len(), 4, "one of each contract and the first");
}

#[tokio::test]
async fn the_limit_holds_for_chunked_bodies_too() {
    let world = World::new().await;
    let alice = world.user("alice");
    let id = alice.creates(json!({ "title": "buy milk" })).await["id"].clone();
    let chunks = |length: usize, size: usize| {
        let body = body_of(length);
        (0..length).step_by(size).map(|at| body[at..length.min(at + size)].to_owned()).collect::<Vec<_>>()
    };
    let create = Door { method: Method::POST, after: "", body: "x" };

    for contract in CONTRACTS {
        for door in contract.doors_with_body().chain([&create]) {
            let path = match door.method {
                Method::POST => contract.tasks(&alice),
                _ => door.path(&contract, &alice, &id),
            };
            for (length, size, fits) in [
                (LARGEST, 1000, true),
                (LARGEST, LARGEST, true),
                (100, 1, true),
                (LARGEST + 1, LARGEST, false),
                (LARGEST + 1, 1000, false),
                (10 * LARGEST, 10 * LARGEST, false),
            ] {
                let label = format!("{} {path}: {length} in chunks of {size}", door.method);
                let answer = send_chunked(&alice, door.method.clone(), &path, chunks(length, size)).await;

                if fits {
                    assert!(answer.status.is_success(), "{label}: {answer:?}");
                } else {
                    contract.refuses(&answer, 413, label);
                }
            }
        }
    }
}

#[tokio::test]
async fn a_chunked_body_without_chunks_is_no_body() {
    let world = World::new().await;
    let alice = world.user("alice");
    let id = alice.creates(json!({ "title": "buy milk" })).await["id"].clone();

    let path = format!("/api/alice/tasks/{id}/complete");
    let flipped = send_chunked(&alice, Method::PATCH, &path, vec![]).await;
    let refused = send_chunked(&alice, Method::POST, "/api/tasks", vec![]).await;

    assert_eq!((flipped.status(), &flipped.json()["completed"]), (200, &json!(true)));
    assert_eq!(refused.status(), 400);
}

#[tokio::test]
async fn json_may_be_called_json_in_any_case_with_parameters_or_not_at_all() {
    let world = World::new().await;
    let alice = world.user("alice");
    let id = alice.creates(json!({ "title": "buy milk" })).await["id"].clone();

    for contract in CONTRACTS {
        for content_type in [
            None,
            Some("application/json"),
            Some("Application/JSON"),
            Some("application/json; charset=utf-8"),
            Some("application/json;charset=UTF-8"),
            Some("application/json; charset=\"utf-8\"; profile=x"),
        ] {
            for (call, answer) in every_call_as(&alice, &contract, &id, content_type).await {
                assert!(answer.status.is_success(), "{call} as {content_type:?}: {answer:?}");
            }
        }
    }
}

#[tokio::test]
async fn another_content_type_is_a_415() {
    let world = World::new().await;
    let alice = world.user("alice");
    let task = alice.creates(json!({ "title": "buy milk" })).await;

    for contract in CONTRACTS {
        for content_type in [
            "text/plain",
            "text/plain;charset=UTF-8",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "text/html",
            "application/xml",
            "application/octet-stream",
            "application/jsonp",
            "image/json",
            "application/json, text/plain",
            "json",
            "*/*",
        ] {
            for (call, answer) in every_call_as(&alice, &contract, &task["id"], Some(content_type)).await {
                contract.refuses(&answer, 415, format!("{call} as {content_type}"));
            }
        }
    }
    assert_eq!(alice.get("/api/tasks").await.json(), json!([task]));
}

/// Every call that reads a body, with one that suits, under a content type.
async fn every_call_as(
    person: &Person,
    contract: &Contract,
    id: &Value,
    content_type: Option<&str>,
) -> Vec<(String, Answer)> {
    let mut calls = vec![(Method::POST, contract.tasks(person), r#"{"title":"x"}"#)];
    for door in contract.doors_with_body() {
        calls.push((door.method.clone(), door.path(contract, person, id), door.body));
    }

    let mut answers = Vec::new();
    for (method, path, body) in calls {
        let label = format!("{method} {path}");
        let mut request = person.request(method, &path, body);
        if let Some(content_type) = content_type {
            request.headers_mut().insert("content-type", content_type.parse().expect("a type"));
        }
        answers.push((label, send(person.address, request).await));
    }
    answers
}

#[tokio::test]
async fn a_body_that_nobody_reads_causes_no_refusal() {
    let world = World::new().await;
    let alice = world.user("alice");

    for contract in CONTRACTS {
        for body in ["{\"".to_owned(), "x".repeat(100_000)] {
            let id = alice.creates(json!({ "title": "buy milk" })).await["id"].clone();
            for (method, path) in [
                (Method::GET, contract.tasks(&alice)),
                (Method::GET, contract.task(&alice, &id)),
                (Method::DELETE, contract.task(&alice, &id)),
            ] {
                let label = format!("{method} {path} with {} bytes", body.len());
                let mut request = alice.request(method, &path, body.clone());
                request.headers_mut().insert("content-type", HeaderValue::from_static("text/plain"));
                let answer = send(alice.address, request).await;

                assert!(answer.status.is_success(), "{label}: {answer:?}");
            }
        }
    }
}
