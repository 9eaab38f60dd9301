//! Isolation over HTTP: a task of another user and a missing task give the same answer.

use bytes::Bytes;
use http::{HeaderValue, Method};
use serde_json::json;

use super::contracts::{CONTRACTS, USER_TASKS};
use crate::world::{World, send};

#[tokio::test]
async fn a_task_of_another_user_answers_like_a_missing_task() {
    let world = World::shared().await;
    let (alice, bob) = (world.user("alice"), world.user("bob"));
    let task = alice.creates(json!({ "title": "buy milk", "description": "two litres" })).await;
    let missing = task["id"].as_i64().expect("an id") + 1000;

    for contract in CONTRACTS {
        for call in contract.calls {
            let hers = call.send(&contract, &bob, &task["id"]).await;
            let none = call.send(&contract, &bob, missing).await;

            contract.refuses(&hers, 404, format!("{contract} {call}"));
            assert_eq!(hers.without_date(), none.without_date(), "{contract} {call}");
            assert_eq!(alice.reads(&task["id"]).await, task, "{contract} {call}");
        }
    }
}

#[tokio::test]
async fn a_refused_body_does_not_reveal_a_task_of_another_user() {
    let world = World::shared().await;
    let (alice, bob) = (world.user("alice"), world.user("bob"));
    let task = alice.creates(json!({ "title": "buy milk", "description": "two litres" })).await;
    let missing = task["id"].as_i64().expect("an id") + 1000;
    let long = json!({ "title": "x".repeat(201), "completed": true }).to_string();
    let described = json!({ "title": "x", "description": "x".repeat(1001), "completed": true }).to_string();

    for contract in CONTRACTS {
        for call in contract.calls {
            for body in [
                "",
                "{",
                "{}",
                "[]",
                r#"{"title":" ","completed":true}"#,
                r#"{"title":"\u0000","completed":true}"#,
                r#"{"title":"x","completed":null}"#,
                r#"{"title":5,"completed":5}"#,
                // The value that the task already has.
                r#"{"title":"buy milk","description":"two litres","completed":false}"#,
                &long,
                &described,
            ] {
                let hers = call.send_body(&contract, &bob, &task["id"], body).await;
                let none = call.send_body(&contract, &bob, missing, body).await;

                assert!(hers.status.is_client_error(), "{contract} {call} {body}: {hers:?}");
                assert_eq!(hers.without_date(), none.without_date(), "{contract} {call} {body}");
            }
        }
    }
    assert_eq!(alice.reads(&task["id"]).await, task);
}

#[tokio::test]
async fn head_options_and_origins_do_not_reveal_a_task_of_another_user() {
    let world = World::shared().await;
    let (alice, bob) = (world.user("alice"), world.user("bob"));
    let task = alice.creates(json!({ "title": "buy milk" })).await;
    let missing = task["id"].as_i64().expect("an id") + 1000;
    let send = async |method: Method, path: String, name: &'static str, value: &'static str| {
        let mut request = bob.request(method, &path, "");
        request.headers_mut().insert(name, HeaderValue::from_static(value));
        send(bob.address, request).await.without_date()
    };

    for contract in CONTRACTS {
        for method in [Method::HEAD, Method::OPTIONS, Method::POST, Method::GET] {
            for (name, value) in [
                ("origin", "http://localhost:3000"),
                ("if-none-match", "*"),
                ("if-match", "*"),
                ("if-modified-since", "Fri, 01 Jan 2100 00:00:00 GMT"),
                ("range", "bytes=0-10"),
                ("x-http-method-override", "DELETE"),
            ] {
                let hers = contract.task(&bob, &task["id"]);
                let label = format!("{method} {hers} {name}");
                let hers = send(method.clone(), hers, name, value).await;
                let none = send(method.clone(), contract.task(&bob, missing), name, value).await;

                assert_eq!(hers, none, "{label}");
            }
        }
    }
    assert_eq!(alice.reads(&task["id"]).await, task);
}

#[tokio::test]
async fn the_path_of_another_user_does_not_reveal_their_tasks() {
    let world = World::shared().await;
    let (alice, bob) = (world.user("alice"), world.user("bob"));
    let nobody = world.user("nobody has this id");
    let task = alice.creates(json!({ "title": "buy milk" })).await;

    for call in USER_TASKS.calls {
        let mut answers = Vec::new();
        for (owner, id) in
            [(&alice, task["id"].to_string()), (&alice, "4711".into()), (&nobody, "4711".into())]
        {
            let path = call.path(&USER_TASKS, owner, id);
            let answer = bob.send(call.method.clone(), &path, call.body).await;

            USER_TASKS.refuses(&answer, 403, format!("{} {path}", call.method));
            answers.push(answer.without_date());
        }
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{call}: {answers:?}");
    }
    let hers = bob.get("/api/alice/tasks").await;
    assert_eq!(hers.without_date(), bob.get(&USER_TASKS.tasks(&nobody)).await.without_date());
    assert_eq!(alice.reads(&task["id"]).await, task);
}

#[tokio::test]
async fn no_list_shows_a_task_of_another_user() {
    let world = World::shared().await;
    let (alice, bob) = (world.user("alice"), world.user("bob"));
    for number in 0..3 {
        let id = alice.creates(json!({ "title": format!("hers {number}") })).await["id"].clone();
        alice.patch(&format!("/api/tasks/{id}/complete"), json!({ "completed": number == 1 })).await;
    }
    let his = bob.creates(json!({ "title": "his" })).await;

    for contract in CONTRACTS {
        for (query, wanted) in [
            ("", json!([his])),
            ("?status=all&limit=1000", json!([his])),
            ("?status=pending", json!([his])),
            ("?status=completed", json!([])),
            ("?user_id=alice&userId=alice&owner=alice", json!([his])),
        ] {
            let answer = bob.get(&format!("{}{query}", contract.tasks(&bob))).await;

            assert_eq!((answer.status(), answer.json()), (200, wanted), "{contract}{query}");
        }
    }
    assert_eq!(bob.get("/api/v1/tasks?offset=1").await.json(), json!([]));
}

#[tokio::test]
async fn only_the_token_of_a_request_names_the_user() {
    let world = World::shared().await;
    let (alice, bob) = (world.user("alice"), world.user("bob"));
    let hers = alice.creates(json!({ "title": "hers" })).await;
    let body = json!({
        "title": "whose?", "user_id": "alice", "userId": "alice", "owner": "alice", "sub": "alice", "id": hers["id"],
    });

    for contract in CONTRACTS {
        let path = format!("{}?user_id=alice&id={}", contract.tasks(&bob), hers["id"]);
        let mut request = bob.request(Method::POST, &path, body.to_string());
        for name in ["x-user-id", "x-user", "x-forwarded-user", "remote-user", "from", "app.user_id"] {
            request.headers_mut().insert(name, HeaderValue::from_static("alice"));
        }
        let answer = send(bob.address, request).await;

        assert_eq!(answer.status(), 201, "{contract}");
        assert_eq!(answer.json()["user_id"], "bob", "{contract}");
        let replaced = bob.put(&contract.task(&bob, &answer.json()["id"]), body.clone()).await.json();
        assert_eq!(
            (&replaced["user_id"], &replaced["id"]),
            (&json!("bob"), &answer.json()["id"]),
            "{contract}"
        );
    }
    assert_eq!(alice.get("/api/tasks").await.json(), json!([hers]));
}

#[tokio::test]
async fn many_concurrent_users_each_see_only_their_own_tasks() {
    let world = World::with(&[("DATABASE_POOL_SIZE", "3")]).await;
    let names: Vec<String> = (0..8).map(|number| format!("user {number}")).collect();

    let lives = names.iter().map(async |name| {
        let person = world.user(name);
        for round in 0..10 {
            let contract = &CONTRACTS[round % 3];
            let task = person.post(&contract.tasks(&person), json!({ "title": name })).await.json();
            let list = person.get(&contract.tasks(&person)).await.json();

            let list = list.as_array().expect("a list");
            assert_eq!(list.len(), round + 1, "{name}");
            assert!(list.iter().all(|task| task["user_id"] == **name && task["title"] == **name), "{name}");
            assert_eq!(list[0], task, "{name}");
        }
    });
    futures_util::future::join_all(lives).await;
}

#[tokio::test]
async fn one_connection_keeps_two_users_apart() {
    let world = World::with(&[("DATABASE_POOL_SIZE", "2")]).await;
    let (alice, bob) = (world.user("alice"), world.user("bob"));
    let hers = alice.creates(json!({ "title": "hers" })).await;
    let his = bob.creates(json!({ "title": "his" })).await;

    for contract in CONTRACTS {
        for (person, own, other) in [(&alice, &hers, &his), (&bob, &his, &hers)] {
            // A refused change first: it must not leave anything on the connection.
            let refused = person.put(&contract.task(person, &own["id"]), json!({ "title": "" })).await;
            assert_eq!(refused.status(), contract.invalid, "{contract}");

            assert_eq!(person.get(&contract.tasks(person)).await.json(), json!([own]), "{contract}");
            assert_eq!(person.get(&contract.task(person, &other["id"])).await.status(), 404, "{contract}");
        }
    }
}

#[tokio::test]
async fn a_deleted_task_answers_like_one_that_never_existed() {
    let world = World::shared().await;
    let (alice, bob) = (world.user("alice"), world.user("bob"));
    let id = alice.creates(json!({ "title": "buy milk" })).await["id"].clone();
    alice.delete(&format!("/api/tasks/{id}")).await;

    for contract in CONTRACTS {
        for call in contract.calls {
            for person in [&alice, &bob] {
                let gone = call.send(&contract, person, &id).await;
                let none = call.send(&contract, person, 4711).await;

                contract.refuses(&gone, 404, format!("{contract} {call}"));
                assert_eq!(gone.without_date(), none.without_date(), "{contract} {call}");
            }
        }
    }
}

#[tokio::test]
async fn a_404_repeats_nothing_of_the_request() {
    let world = World::shared().await;
    let bob = world.user("bob");

    for contract in CONTRACTS {
        let mut bodies: Vec<Bytes> = Vec::new();
        for id in ["4711", "4712", "abc", "<script>", "9223372036854775808"] {
            let id = super::contracts::encoded(id);
            bodies.push(bob.get(&contract.task(&bob, id)).await.body);
        }

        assert!(bodies.iter().all(|body| *body == bodies[0]), "{contract}: {bodies:?}");
    }
}
