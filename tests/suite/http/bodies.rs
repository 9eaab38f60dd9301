//! The syntax of request bodies: malformed JSON, depth, duplicate members.

use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};

use super::contracts::{CONTRACTS, Contract};
use super::tokens::texts_inside_texts;
use crate::world::{Answer, Person, World};

/// Sends a body to every call that reads one, and returns the answers.
pub async fn every_call(
    person: &Person,
    contract: &Contract,
    id: &Value,
    body: &[u8],
) -> Vec<(String, Answer)> {
    let list = contract.tasks(person);
    let created = person.send(Method::POST, &list, Bytes::copy_from_slice(body)).await;
    let mut answers = vec![(format!("POST {list}"), created)];
    for call in contract.calls_with_body() {
        let path = call.path(contract, person, id);
        let answer = person.send(call.method.clone(), &path, Bytes::copy_from_slice(body)).await;
        answers.push((format!("{} {path}", call.method), answer));
    }
    answers
}

#[tokio::test]
async fn malformed_json_is_a_400_everywhere() {
    let world = World::shared().await;
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
    let world = World::shared().await;
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
async fn an_empty_body_is_malformed_where_a_body_is_required() {
    let world = World::shared().await;
    let alice = world.user("alice");
    let task = alice.creates(json!({ "title": "buy milk" })).await;

    for contract in CONTRACTS {
        for (call, answer) in every_call(&alice, &contract, &task["id"], b"").await {
            if call.ends_with("/complete") {
                assert_eq!(answer.status(), 200, "{call}: it may be empty there");
            } else {
                contract.refuses(&answer, 400, format!("{call}: empty"));
            }
        }
    }
}

#[tokio::test]
async fn a_byte_order_mark_before_the_json_is_ignored() {
    let world = World::shared().await;
    let alice = world.user("alice");
    let id = alice.creates(json!({ "title": "buy milk" })).await["id"].clone();
    let title = "\u{feff}buy\u{feff} bread";

    for contract in CONTRACTS {
        for space in ["", "\r\n "] {
            let body = format!("\u{feff}{space}{}", json!({ "title": title, "completed": true }));
            for (call, answer) in every_call(&alice, &contract, &id, body.as_bytes()).await {
                assert!(answer.status.is_success(), "{call}: {answer:?}");
                assert_eq!(answer.json()["title"], title, "{call}: only the first mark is ignored");
                assert_eq!(answer.json()["completed"], true, "{call}");
            }
        }
    }
}

#[tokio::test]
async fn a_byte_order_mark_with_nothing_after_it_or_in_another_place_is_malformed() {
    let world = World::shared().await;
    let alice = world.user("alice");
    let task = alice.creates(json!({ "title": "buy milk" })).await;
    let object = r#"{"title":"buy bread","completed":true}"#;
    let utf_16: Vec<u8> = format!("\u{feff}{object}").encode_utf16().flat_map(u16::to_be_bytes).collect();

    for contract in CONTRACTS {
        for body in [
            "\u{feff}".into(),
            "\u{feff} ".into(),
            format!("\u{feff}\u{feff}{object}").into_bytes(),
            format!(" \u{feff}{object}").into_bytes(),
            format!("{object}\u{feff}").into_bytes(),
            [&b"\xef\xbb"[..], object.as_bytes()].concat(),
            utf_16.clone(),
        ] {
            for (call, answer) in every_call(&alice, &contract, &task["id"], &body).await {
                contract.refuses(&answer, 400, format!("{call}: {body:?}"));
                assert!(answer.detail().starts_with("The body is not well-formed JSON"), "{call}: {body:?}");
            }
        }
    }
    assert_eq!(alice.get("/api/tasks").await.json(), json!([task]));
}

#[tokio::test]
async fn json_that_is_not_an_object_is_invalid() {
    let world = World::shared().await;
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
async fn the_last_of_duplicate_members_counts() {
    let world = World::shared().await;
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
    for path in [
        format!("/api/alice/tasks/{id}"),
        format!("/api/tasks/{id}"),
        format!("/api/v1/tasks/{id}"),
        format!("/api/alice/tasks/{id}/complete"),
        format!("/api/tasks/{id}/complete"),
    ] {
        let answer = alice.send(Method::PATCH, &path, r#"{"completed":null,"completed":true}"#).await;
        assert_eq!(answer.json()["completed"], true, "{path}");
        let answer = alice.send(Method::PATCH, &path, r#"{"completed":"x","completed":false}"#).await;
        assert_eq!(answer.json()["completed"], false, "{path}");
    }
}

#[tokio::test]
async fn a_deeply_nested_body_does_not_overflow_the_stack() {
    let world = World::shared().await;
    let alice = world.user("alice");

    for path in ["/api/tasks", "/api/v1/tasks", "/api/alice/tasks"] {
        let ignored = alice.post(path, json!({ "title": "buy milk", "note": texts_inside_texts(13) })).await;
        let title = alice.post(path, json!({ "title": texts_inside_texts(13) })).await;

        assert_eq!(ignored.status(), 201, "{path}: {ignored:?}");
        assert!(matches!(title.status(), 400 | 422), "{path}: {title:?}");
    }
}
