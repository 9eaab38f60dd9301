//! A request with several faults is refused for the first one, in the order of the contract.

use http::{HeaderValue, Method};
use serde_json::{Value, json};

use super::contracts::{CONTRACTS, Contract, TaskCall, USER_TASKS};
use crate::world::{Answer, Person, World, send};

const TOO_LARGE: usize = 64 * 1024 + 1;

/// Sends a call with a body and a content type.
async fn send_as(
    call: &TaskCall,
    contract: &Contract,
    person: &Person,
    id: &str,
    (content_type, body): (&'static str, String),
) -> Answer {
    let mut request = person.request(call.method.clone(), &call.path(contract, person, id), body);
    request.headers_mut().insert("content-type", HeaderValue::from_static(content_type));
    send(person.address, request).await
}

async fn task(person: &Person) -> Value {
    person.creates(json!({ "title": "buy milk" })).await["id"].clone()
}

#[tokio::test]
async fn an_unknown_path_is_refused_before_its_method() {
    let world = World::shared().await;

    for person in [world.user("alice"), world.anonymous()] {
        for path in
            ["/ap", "/api", "/api/tasks/7/toggle", "/api/v1/tasks/7/complete", "/api/alice/tasks/7/toggle"]
        {
            for method in ["GET", "POST", "PATCH", "BREW"] {
                let method = Method::from_bytes(method.as_bytes()).expect("a method");
                let answer = person.send(method.clone(), path, "{").await;

                assert_eq!(answer.status(), 404, "{method} {path}");
                assert_eq!(answer.header("allow"), "", "{method} {path}");
            }
        }
    }
}

#[tokio::test]
async fn a_wrong_method_is_refused_before_the_token_is_checked() {
    let world = World::shared().await;
    let nobody = Person::with_token(world.server.address, Some("nonsense"));

    for contract in CONTRACTS {
        for (path, method) in [
            (contract.tasks(&world.user("alice")), Method::DELETE),
            (contract.task(&world.user("alice"), "abc"), Method::POST),
        ] {
            for person in [&nobody, &world.user("bob"), &world.anonymous()] {
                let answer = person.send(method.clone(), &path, "{").await;

                contract.refuses(&answer, 405, format!("{method} {path}"));
                assert!(answer.header("allow").contains("GET"), "{method} {path}");
                assert_eq!(answer.header("www-authenticate"), "", "{method} {path}");
            }
        }
    }
}

#[tokio::test]
async fn a_missing_or_invalid_token_is_refused_before_everything_else() {
    let world = World::shared().await;
    let id = task(&world.user("alice")).await.to_string();

    for token in [None, Some("nonsense")] {
        let nobody = Person::with_token(world.server.address, token);
        for contract in CONTRACTS {
            for user in ["alice", "%zz"] {
                let list = contract.tasks(&nobody).replace("/api//", &format!("/api/{user}/"));
                for id in [id.as_str(), "4711", "abc", "0"] {
                    for call in contract.calls {
                        let path = format!("{list}/{id}{}", call.after);
                        for (content_type, body) in [
                            ("text/plain", "x".repeat(TOO_LARGE)),
                            ("application/json", "{".into()),
                            ("application/json", call.body.into()),
                        ] {
                            let mut request = nobody.request(call.method.clone(), &path, body);
                            let value = HeaderValue::from_static(content_type);
                            request.headers_mut().insert("content-type", value);
                            let answer = send(nobody.address, request).await;

                            contract.refuses(&answer, 401, format!("{} {path}", call.method));
                        }
                    }
                }
                let answer = nobody.get(&format!("{list}?status=nonsense&limit=0")).await;
                contract.refuses(&answer, 401, format!("GET {list}"));
                let answer = nobody.send(Method::POST, &list, "{").await;
                contract.refuses(&answer, 401, format!("POST {list}"));
            }
        }
    }
}

#[tokio::test]
async fn the_path_of_another_user_is_forbidden_before_the_rest_is_checked() {
    let world = World::shared().await;
    let (alice, bob) = (world.user("alice"), world.user("bob"));

    for call in USER_TASKS.calls {
        for id in ["4711", "abc", "0"] {
            for (content_type, body) in [
                ("text/plain", "x".repeat(TOO_LARGE)),
                ("application/json", "x".repeat(TOO_LARGE)),
                ("application/json", "{".into()),
                ("application/json", "[]".into()),
            ] {
                let mut request = bob.request(call.method.clone(), &call.path(&USER_TASKS, &alice, id), body);
                request.headers_mut().insert("content-type", HeaderValue::from_static(content_type));
                let answer = send(bob.address, request).await;

                USER_TASKS.refuses(&answer, 403, format!("{call} {id} as {content_type}"));
            }
        }
    }
    USER_TASKS.refuses(&bob.get("/api/alice/tasks?status=nonsense").await, 403, "a bad query");
    USER_TASKS.refuses(&bob.send(Method::POST, "/api/alice/tasks", "{").await, 403, "a bad body");
}

#[tokio::test]
async fn an_invalid_id_is_not_found_before_the_body_is_checked() {
    let world = World::shared().await;
    let alice = world.user("alice");

    for contract in CONTRACTS {
        for call in contract.calls {
            for id in [
                "abc",
                "0",
                "-1",
                "+7",
                "007",
                "00",
                "7.0",
                "7e0",
                "0x7",
                "%37",
                "7%20",
                "%207",
                "7,8",
                "*",
                "_",
                "%D9%A7",
                "9223372036854775808",
                "18446744073709551617",
                "99999999999999999999999999",
            ] {
                for (content_type, body) in [
                    ("text/plain", "x".repeat(TOO_LARGE)),
                    ("application/json", "{".into()),
                    ("application/json", "{}".into()),
                    ("application/json", call.body.into()),
                ] {
                    let answer = send_as(call, &contract, &alice, id, (content_type, body)).await;

                    contract.refuses(&answer, 404, format!("{contract} {call} {id} as {content_type}"));
                }
            }
        }
    }
}

#[tokio::test]
async fn the_largest_valid_id_is_looked_up_and_not_found() {
    let world = World::shared().await;
    let alice = world.user("alice");

    for contract in CONTRACTS {
        for call in contract.calls {
            for id in ["9223372036854775807", "9007199254740992", "1"] {
                let answer = call.send(&contract, &alice, id).await;

                contract.refuses(&answer, 404, format!("{contract} {call} {id}"));
            }
        }
        for call in contract.calls_with_body() {
            let answer = call.send_body(&contract, &alice, "9223372036854775807", "{").await;

            contract.refuses(&answer, 400, format!("{contract} {call}: the body comes first"));
        }
    }
}

#[tokio::test]
async fn a_body_with_several_faults_is_refused_for_the_first() {
    let world = World::shared().await;
    let alice = world.user("alice");
    let there = task(&alice).await.to_string();
    let large_and_malformed = || "x".repeat(TOO_LARGE);
    let large_and_no_object = || format!("[{}]", " ".repeat(TOO_LARGE));

    for contract in CONTRACTS {
        for call in contract.calls_with_body() {
            // The task is missing in every case: the query runs after all of these checks.
            for (label, content_type, body, status) in [
                ("another type, too large, malformed", "text/plain", large_and_malformed(), 415),
                ("another type, too large, no object", "text/plain", large_and_no_object(), 415),
                ("another type, malformed", "text/plain", "{".into(), 415),
                ("another type, no object", "text/plain", "[]".into(), 415),
                ("another type", "text/plain", call.body.into(), 415),
                ("too large, malformed", "application/json", large_and_malformed(), 413),
                ("too large, no object", "application/json", large_and_no_object(), 413),
                ("malformed, title of another type", "application/json", "{\"title\":5".into(), 400),
                ("malformed, no object", "application/json", "[\"title\"".into(), 400),
                ("no object", "application/json", "[]".into(), contract.invalid),
                (
                    "members of another type",
                    "application/json",
                    r#"{"title":5,"completed":5}"#.into(),
                    contract.invalid,
                ),
                ("no fault but the row", "application/json", call.body.into(), 404),
            ] {
                let answer = send_as(call, &contract, &alice, "4711", (content_type, body)).await;

                contract.refuses(&answer, status, format!("{contract} {call}: {label}"));
            }
        }

        for (label, title, description) in [
            ("blank", " ", ""),
            ("too long", &*"x".repeat(201), ""),
            ("described too long", "x", &*"x".repeat(1001)),
        ] {
            let body = json!({ "title": title, "description": description });
            let missing = alice.put(&contract.task(&alice, "4711"), body.clone()).await;
            let found = alice.put(&contract.task(&alice, &there), body).await;

            contract.refuses(&missing, 404, format!("{contract} {label}: the row comes before the values"));
            contract.refuses(&found, contract.invalid, format!("{contract} {label}"));
        }
    }
}

#[tokio::test]
async fn a_missing_title_is_reported_before_a_missing_task() {
    let world = World::shared().await;
    let alice = world.user("alice");

    for contract in CONTRACTS {
        for body in [json!({}), json!({ "title": 5 }), json!({ "title": "x", "description": 5 })] {
            let answer = alice.put(&contract.task(&alice, "4711"), body.clone()).await;

            contract.refuses(&answer, contract.invalid, format!("{contract} {body}"));
        }
    }
}
