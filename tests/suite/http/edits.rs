//! A member of a POST or a PUT may be absent, null or a value: each has a meaning of its own.

use http::Method;
use serde_json::{Value, json};

use super::bodies::every_call;
use super::contracts::{CONTRACTS, Contract, TASKS, USER_TASKS, V1_TASKS};
use crate::world::World;

#[tokio::test]
async fn a_put_keeps_clears_or_sets_as_its_contract_says() {
    let world = World::shared().await;
    let alice = world.user("alice");
    let keeps: Value = json!("two litres");
    let null: Value = json!(null);
    let cases: Vec<(Contract, Value, &Value, bool)> = vec![
        (USER_TASKS, json!({}), &null, true),
        (USER_TASKS, json!({ "description": null }), &null, true),
        (USER_TASKS, json!({ "description": "two litres" }), &keeps, true),
        (USER_TASKS, json!({ "completed": true }), &null, true),
        (USER_TASKS, json!({ "completed": false }), &null, false),
        (USER_TASKS, json!({ "description": "two litres", "completed": false }), &keeps, false),
        (TASKS, json!({}), &keeps, true),
        (TASKS, json!({ "description": null }), &null, true),
        (TASKS, json!({ "completed": true }), &keeps, true),
        (TASKS, json!({ "completed": false }), &keeps, false),
        (TASKS, json!({ "description": null, "completed": false }), &null, false),
        (V1_TASKS, json!({}), &keeps, true),
        (V1_TASKS, json!({ "description": null }), &null, true),
        (V1_TASKS, json!({ "completed": true }), &keeps, true),
        (V1_TASKS, json!({ "completed": false }), &keeps, false),
        (V1_TASKS, json!({ "description": null, "completed": false }), &null, false),
    ];

    for (contract, mut body, description, completed) in cases {
        let created = alice.creates(json!({ "title": "buy milk", "description": "two litres" })).await;
        let id = &created["id"];
        alice.patch(&format!("/api/tasks/{id}/complete"), json!({ "completed": true })).await;
        body["title"] = json!("buy bread");
        let answer = alice.put(&contract.task(&alice, id), body.clone()).await;

        assert_eq!(answer.status(), 200, "{contract} {body}: {answer:?}");
        let task = alice.reads(id).await;
        assert_eq!(answer.json(), task, "{contract} {body}");
        assert_eq!(task["title"], "buy bread", "{contract} {body}");
        assert_eq!(task["description"], *description, "{contract} {body}");
        assert_eq!(task["completed"], completed, "{contract} {body}");
    }
}

#[tokio::test]
async fn a_put_sets_a_description_in_every_contract() {
    let world = World::shared().await;
    let alice = world.user("alice");
    let id = alice.creates(json!({ "title": "buy milk" })).await["id"].clone();

    for contract in CONTRACTS {
        for description in ["two litres", "", "three"] {
            let body = json!({ "title": "buy milk", "description": description });
            let answer = alice.put(&contract.task(&alice, &id), body).await;

            assert_eq!(answer.json()["description"], description, "{contract}");
            assert_eq!(alice.reads(&id).await["description"], description, "{contract}");
        }
    }
}

#[tokio::test]
async fn a_post_takes_a_description_null_or_nothing() {
    let world = World::shared().await;
    let alice = world.user("alice");

    for contract in CONTRACTS {
        for (body, wanted) in [
            (json!({ "title": "buy milk" }), json!(null)),
            (json!({ "title": "buy milk", "description": null }), json!(null)),
            (json!({ "title": "buy milk", "description": "" }), json!("")),
            (json!({ "title": "buy milk", "description": "two litres" }), json!("two litres")),
        ] {
            let answer = alice.post(&contract.tasks(&alice), body.clone()).await;

            assert_eq!(answer.status(), 201, "{contract} {body}");
            assert_eq!(answer.json()["description"], wanted, "{contract} {body}");
        }
    }
}

#[tokio::test]
async fn a_post_creates_a_completed_task_if_it_says_so() {
    let world = World::shared().await;
    let alice = world.user("alice");

    for contract in CONTRACTS {
        for (body, completed) in [
            (json!({ "title": "buy milk" }), false),
            (json!({ "title": "buy milk", "completed": false }), false),
            (json!({ "title": "buy milk", "completed": true }), true),
            (json!({ "title": "buy milk", "completed": true, "description": "two litres" }), true),
        ] {
            let answer = alice.post(&contract.tasks(&alice), body.clone()).await;

            assert_eq!(answer.status(), 201, "{contract} {body}");
            assert_eq!(answer.json()["completed"], completed, "{contract} {body}");
            assert_eq!(answer.json(), alice.reads(&answer.json()["id"]).await, "{contract} {body}");
        }
    }
}

#[tokio::test]
async fn completed_must_be_a_boolean_wherever_it_stands() {
    let world = World::shared().await;
    let alice = world.user("alice");
    let task = alice.creates(json!({ "title": "buy milk" })).await;

    for contract in CONTRACTS {
        for completed in [json!(null), json!("true"), json!(""), json!(1), json!(0), json!([]), json!({})] {
            let body = json!({ "title": "buy bread", "completed": completed }).to_string();
            for (call, answer) in every_call(&alice, &contract, &task["id"], body.as_bytes()).await {
                contract.refuses(&answer, contract.invalid, format!("{call} {body}"));
                assert_eq!(answer.detail(), "completed must be true or false", "{call}");
            }
        }
    }
    assert_eq!(alice.get("/api/tasks").await.json(), json!([task]));
}

#[tokio::test]
async fn a_title_is_required_in_a_post_and_in_a_put() {
    let world = World::shared().await;
    let alice = world.user("alice");
    let task = alice.creates(json!({ "title": "buy milk" })).await;

    for contract in CONTRACTS {
        for body in [
            json!({}),
            json!({ "description": "two litres" }),
            json!({ "Title": "buy milk" }),
            json!({ "completed": true }),
        ] {
            let created = alice.post(&contract.tasks(&alice), body.clone()).await;
            let replaced = alice.put(&contract.task(&alice, &task["id"]), body.clone()).await;

            for answer in [created, replaced] {
                contract.refuses(&answer, contract.invalid, format!("{contract} {body}"));
                assert_eq!(answer.detail(), "title is required", "{contract} {body}");
            }
        }
    }
    assert_eq!(alice.get("/api/tasks").await.json(), json!([task]));
}

#[tokio::test]
async fn a_title_of_another_type_is_refused_wherever_it_stands() {
    let world = World::shared().await;
    let alice = world.user("alice");
    let task = alice.creates(json!({ "title": "buy milk" })).await;

    for contract in CONTRACTS {
        for title in [json!(null), json!(5), json!(true), json!(["buy milk"]), json!({ "text": "buy milk" })]
        {
            let body = json!({ "title": title, "completed": true }).to_string();
            for (call, answer) in every_call(&alice, &contract, &task["id"], body.as_bytes()).await {
                contract.refuses(&answer, contract.invalid, format!("{call} {body}"));
                assert_eq!(answer.detail(), "title must be a text", "{call} {body}");
            }
        }
    }
    assert_eq!(alice.get("/api/tasks").await.json(), json!([task]));
}

#[tokio::test]
async fn a_description_must_be_a_string_or_null() {
    let world = World::shared().await;
    let alice = world.user("alice");
    let task = alice.creates(json!({ "title": "buy milk" })).await;

    for contract in CONTRACTS {
        for description in [json!(5), json!(false), json!(["two litres"]), json!({})] {
            let body =
                json!({ "title": "buy milk", "completed": true, "description": description }).to_string();
            for (call, answer) in every_call(&alice, &contract, &task["id"], body.as_bytes()).await {
                contract.refuses(&answer, contract.invalid, format!("{call} {body}"));
                assert!(answer.detail().starts_with("description must "), "{call} {body}");
            }
        }
    }
    assert_eq!(alice.get("/api/tasks").await.json(), json!([task]));
}

#[tokio::test]
async fn a_number_beyond_a_double_is_ignored_in_unknown_members() {
    let world = World::shared().await;
    let alice = world.user("alice");
    let huge = format!("1{}", "0".repeat(400));

    for contract in CONTRACTS {
        for number in ["1e400", "-1e400", &huge] {
            let body = format!(r#"{{"title":"buy milk","budget":[{{"cents":{number}}}]}}"#);
            let created = alice.send(Method::POST, &contract.tasks(&alice), body).await;
            let title = format!(r#"{{"title":{number}}}"#);
            let refused = alice.send(Method::POST, &contract.tasks(&alice), title).await;

            assert_eq!(created.status(), 201, "{contract} {number}: {created:?}");
            assert_eq!(refused.status(), contract.invalid, "{contract} {number}: {refused:?}");
        }
    }
}

#[tokio::test]
async fn unknown_members_are_ignored() {
    let world = World::shared().await;
    let alice = world.user("alice");
    let unknown = json!({
        "title": "buy milk", "id": 4711, "user_id": "bob", "userId": "bob", "owner": "bob",
        "created_at": "2000-01-01T00:00:00Z", "updated_at": "nonsense", "priority": "medium",
        "dueDate": "", "tags": [null, { "deep": [1e9] }], "": 0, "title ": 5,
    });

    for contract in CONTRACTS {
        let created = alice.post(&contract.tasks(&alice), unknown.clone()).await;
        let task = created.json();
        let path = contract.task(&alice, &task["id"]);
        let replaced = alice.put(&path, unknown.clone()).await;
        let edited = alice.patch(&path, unknown.clone()).await;

        assert_eq!(created.status(), 201, "{contract}");
        assert_ne!(task["id"], 4711, "{contract}");
        assert_eq!(task["user_id"], "alice", "{contract}");
        assert!(task["created_at"].as_str() > Some("2020"), "{contract}: {task}");
        assert_eq!((replaced.status(), replaced.json()), (200, task.clone()), "{contract}");
        assert_eq!((edited.status(), edited.json()), (200, task), "{contract}");
    }
    assert_eq!(world.user("bob").get("/api/tasks").await.json(), json!([]));
}
