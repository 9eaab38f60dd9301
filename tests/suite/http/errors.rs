//! Errors have a useful text, and never show internals.

use http::Method;
use serde_json::json;

use super::contracts::CONTRACTS;
use super::tokens::bearer;
use crate::world::{Answer, World};

/// Texts that no client may see: parts of SQL, names of constraints and libraries, stack traces.
const NEVER: &[&str] = &[
    "app.",
    "tasks_",
    "rowkeep",
    "select ",
    "insert ",
    "update ",
    "violates",
    "constraint",
    "relation",
    "sqlstate",
    "postgres",
    "serde",
    "expected",
    "eof",
    "trailing",
    "panicked",
    "src/",
    ".rs",
    "jsonwebtoken",
    "hyper",
    "warp",
    "tokio",
    "none(",
    "some(",
    "err(",
    "buy milk",
];

fn assert_shows_no_internals(answer: &Answer, label: &str) {
    let detail = answer.detail();
    let lower = detail.to_lowercase();
    for word in NEVER {
        assert!(!lower.contains(word), "{label} says {word:?}: {detail}");
    }
    assert_eq!(answer.header("content-type"), "application/json", "{label}");
}

#[tokio::test]
async fn no_error_shows_internals() {
    let world = World::shared().await;
    let alice = world.user("alice");
    let id = alice.creates(json!({ "title": "buy milk" })).await["id"].clone();

    for contract in CONTRACTS {
        let (list, one) = (contract.tasks(&alice), contract.task(&alice, &id));
        for (method, path, body) in [
            (Method::POST, &list, "{".to_owned()),
            (Method::POST, &list, "[".repeat(5000)),
            (Method::POST, &list, "{} {}".into()),
            (Method::POST, &list, r#"{"title":"\ud800"}"#.into()),
            (Method::POST, &list, "x".repeat(70_000)),
            (Method::POST, &list, "[]".into()),
            (Method::POST, &list, "{}".into()),
            (Method::POST, &list, r#"{"title":"\u0000"}"#.into()),
            (Method::PUT, &one, r#"{"title":" "}"#.into()),
            (Method::PUT, &one, json!({ "title": "buy milk".repeat(50) }).to_string()),
            (Method::PUT, &one, json!({ "title": "x", "description": "buy milk".repeat(500) }).to_string()),
            (Method::GET, &contract.task(&alice, 4711), String::new()),
            (Method::GET, &contract.task(&alice, "abc"), String::new()),
            (Method::GET, &format!("{list}?status=buy%20milk"), String::new()),
            (Method::DELETE, &list, String::new()),
            (Method::GET, &format!("{list}/1/2/3"), String::new()),
        ] {
            let answer = alice.send(method.clone(), path, body.clone()).await;

            assert!(answer.status.is_client_error(), "{method} {path}: {answer:?}");
            assert_shows_no_internals(&answer, &format!("{method} {path}"));
        }
        for person in [world.anonymous(), bearer(&world, "nonsense"), bearer(&world, "a.b.c")] {
            let answer = person.get(&list.replace("alice", "bob")).await;
            assert_shows_no_internals(&answer, &format!("401 {list}"));
        }
    }
}

#[tokio::test]
async fn an_internal_error_is_a_500_without_its_cause() {
    let world = World::new().await;
    let alice = world.user("alice");
    let id = alice.creates(json!({ "title": "buy milk" })).await["id"].clone();
    let broken = "alter table app.tasks rename to tasks_elsewhere";
    world.database.superuser().await.batch_execute(broken).await.expect("a broken database");

    for contract in CONTRACTS {
        for call in contract.calls {
            let answer = call.send(&contract, &alice, &id).await;

            contract.refuses(&answer, 500, format!("{contract} {call}"));
            assert_shows_no_internals(&answer, &format!("{contract} {call}"));
            let request = answer.header("x-request-id");
            assert!(!request.is_empty(), "{contract} {call}");
            world
                .server
                .logs(|event| {
                    event["http.request.id"] == request && event["http.response.status_code"] == 500
                })
                .await;
        }
    }
}

#[tokio::test]
async fn the_error_of_a_malformed_body_says_where_it_is_malformed() {
    let world = World::shared().await;

    let answer = world.user("alice").send(Method::POST, "/api/tasks", "{\n  \"title\": x\n}").await;

    assert!(answer.detail().contains("line 2, column 12"), "{}", answer.detail());
}
