//! The size limit and the content type of request bodies.

use std::convert::Infallible;

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderValue, Method};
use http_body_util::StreamBody;
use hyper::body::Frame;
use serde_json::{Value, json};

use super::bodies::every_call;
use super::contracts::{CONTRACTS, Contract, TaskCall};
use crate::world::{Answer, Person, World, send};

/// The largest body that the server accepts, in bytes.
const LARGEST: usize = 64 * 1024;

/// A body of this many bytes that every call accepts.
fn body_of(length: usize) -> String {
    let (start, end) = (r#"{"title":"buy milk","completed":true,"note":""#, r#""}"#);
    format!("{start}{}{end}", "x".repeat(length - start.len() - end.len()))
}

/// Sends a chunked body, without a Content-Length.
async fn send_chunked(person: &Person, method: Method, path: &str, chunks: Vec<String>) -> Answer {
    let frames = chunks.into_iter().map(|chunk| Ok::<_, Infallible>(Frame::data(Bytes::from(chunk))));
    let (mut head, _) = person.request(method, path, "").into_parts();
    head.headers.insert("content-type", HeaderValue::from_static("application/json"));
    send(person.address, http::Request::from_parts(head, StreamBody::new(stream::iter(frames)))).await
}

#[tokio::test]
async fn a_body_of_64_kib_is_accepted_and_a_larger_one_is_not() {
    let world = World::shared().await;
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
async fn the_size_limit_holds_for_chunked_bodies() {
    let world = World::shared().await;
    let alice = world.user("alice");
    let id = alice.creates(json!({ "title": "buy milk" })).await["id"].clone();
    let chunks = |length: usize, size: usize| {
        let body = body_of(length);
        (0..length).step_by(size).map(|at| body[at..length.min(at + size)].to_owned()).collect::<Vec<_>>()
    };
    let create = TaskCall { method: Method::POST, after: "", body: "x" };

    for contract in CONTRACTS {
        for call in contract.calls_with_body().chain([&create]) {
            let path = match call.method {
                Method::POST => contract.tasks(&alice),
                _ => call.path(&contract, &alice, &id),
            };
            for (length, size, fits) in [
                (LARGEST, 1000, true),
                (LARGEST, LARGEST, true),
                (100, 1, true),
                (LARGEST + 1, LARGEST, false),
                (LARGEST + 1, 1000, false),
                (10 * LARGEST, 10 * LARGEST, false),
            ] {
                let label = format!("{} {path}: {length} in chunks of {size}", call.method);
                let answer = send_chunked(&alice, call.method.clone(), &path, chunks(length, size)).await;

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
async fn a_chunked_body_without_chunks_is_empty() {
    let world = World::shared().await;
    let alice = world.user("alice");
    let id = alice.creates(json!({ "title": "buy milk" })).await["id"].clone();

    for (path, completed) in [("/api/alice/tasks/{id}/complete", true), ("/api/tasks/{id}/complete", false)] {
        let path = path.replace("{id}", &id.to_string());
        let flipped = send_chunked(&alice, Method::PATCH, &path, vec![]).await;
        assert_eq!((flipped.status(), &flipped.json()["completed"]), (200, &json!(completed)), "{path}");
    }
    let refused = send_chunked(&alice, Method::POST, "/api/tasks", vec![]).await;
    assert_eq!(refused.status(), 400);
}

#[tokio::test]
async fn the_content_type_json_may_have_any_case_and_parameters_or_be_absent() {
    let world = World::shared().await;
    let alice = world.user("alice");
    let id = alice.creates(json!({ "title": "buy milk" })).await["id"].clone();

    for contract in CONTRACTS {
        for content_type in [
            None,
            Some("application/json"),
            Some("Application/JSON"),
            Some("application/json; charset=utf-8"),
            Some("application/json;charset=UTF-8"),
            Some("application/json ; charset=utf-8"),
            Some("application/json\t;charset=utf-8"),
            Some("application/merge-patch+json"),
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
    let world = World::shared().await;
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
            "application/+json",
            "",
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

/// Sends every call that reads a body, with a valid body and this content type.
async fn every_call_as(
    person: &Person,
    contract: &Contract,
    id: &Value,
    content_type: Option<&str>,
) -> Vec<(String, Answer)> {
    let mut calls = vec![(Method::POST, contract.tasks(person), r#"{"title":"x"}"#)];
    for call in contract.calls_with_body() {
        calls.push((call.method.clone(), call.path(contract, person, id), call.body));
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
async fn an_ignored_body_is_never_refused() {
    let world = World::shared().await;
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

/// Sends a call with a `Content-Encoding`.
async fn send_encoded(
    call: &TaskCall,
    contract: &Contract,
    person: &Person,
    id: &Value,
    coding: &str,
) -> Answer {
    let mut request = person.request(call.method.clone(), &call.path(contract, person, id), call.body);
    request.headers_mut().insert("content-encoding", coding.parse().expect("a coding"));
    send(person.address, request).await
}

#[tokio::test]
async fn a_compressed_body_is_refused_where_a_body_is_read() {
    let world = World::shared().await;
    let alice = world.user("alice");
    let id = alice.creates(json!({ "title": "buy milk" })).await["id"].clone();

    for contract in CONTRACTS {
        for call in contract.calls_with_body() {
            for coding in ["gzip", "GZIP", "br", "zstd", "identity, gzip", "gzip, identity", "unknown"] {
                let answer = send_encoded(call, &contract, &alice, &id, coding).await;

                contract.refuses(&answer, 415, format!("{contract} {call} {coding}"));
                assert!(answer.detail().contains("Content-Encoding"), "{answer:?}");
                assert_eq!(answer.header("accept-encoding"), "identity");
            }
            for coding in ["identity", "Identity", "", "identity, identity"] {
                let answer = send_encoded(call, &contract, &alice, &id, coding).await;

                assert!(answer.status.is_success(), "{contract} {call} {coding:?}: {answer:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_content_encoding_does_not_matter_where_no_body_is_read() {
    let world = World::shared().await;
    let alice = world.user("alice");
    let id = alice.creates(json!({ "title": "buy milk" })).await["id"].clone();

    let v1 = &CONTRACTS[2];
    for call in v1.calls.iter().filter(|call| call.body.is_empty() && call.method != Method::DELETE) {
        let answer = send_encoded(call, v1, &alice, &id, "gzip").await;

        assert!(answer.status.is_success(), "{call}: {answer:?}");
    }
    let flip = TaskCall { method: Method::PATCH, after: "/complete", body: "" };
    for contract in &CONTRACTS[..2] {
        let answer = send_encoded(&flip, contract, &alice, &id, "gzip").await;
        assert!(answer.status.is_success(), "{contract}: an empty body is not compressed: {answer:?}");
    }
}

#[tokio::test]
async fn a_compressed_body_is_refused_after_its_type_and_before_its_size() {
    let world = World::shared().await;
    let alice = world.user("alice");
    let compressed = async |person: &Person, path: &str, content_type: &str| {
        let mut request = person.request(Method::PUT, path, body_of(LARGEST + 1));
        request.headers_mut().insert("content-type", content_type.parse().expect("a type"));
        request.headers_mut().insert("content-encoding", HeaderValue::from_static("gzip"));
        send(person.address, request).await
    };

    for contract in CONTRACTS {
        let path = contract.task(&alice, 4711);
        let too_large = compressed(&alice, &path, "application/json").await;
        let another_type = compressed(&alice, &path, "text/plain").await;

        contract.refuses(&compressed(&world.anonymous(), &path, "text/plain").await, 401, &contract);
        contract.refuses(
            &compressed(&alice, &contract.task(&alice, "abc"), "text/plain").await,
            404,
            &contract,
        );
        contract.refuses(&too_large, 415, &contract);
        contract.refuses(&another_type, 415, &contract);
        assert!(too_large.detail().contains("Content-Encoding"), "{too_large:?}");
        assert!(another_type.detail().contains("Content-Type"), "{another_type:?}");
    }
}
