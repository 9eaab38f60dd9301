//! A PATCH changes the members that it names, and no others.

use http::Method;
use serde_json::{Value, json};

use super::contracts::{CONTRACTS, Contract, TASKS, USER_TASKS, V1_TASKS};
use crate::world::{Person, World};

/// Where a PATCH changes a task: the path itself, and the path that completes one.
const PATCHES: [(Contract, &str); 5] =
    [(USER_TASKS, ""), (TASKS, ""), (V1_TASKS, ""), (USER_TASKS, "/complete"), (TASKS, "/complete")];

/// A completed task with a description.
async fn creates_task(person: &Person) -> Value {
    person.creates(json!({ "title": "buy milk", "description": "two litres", "completed": true })).await
}

/// The task as it is after a change of these members.
fn changed(task: &Value, answer: &Value, members: &Value) -> Value {
    let mut wanted = task.clone();
    for (name, value) in members.as_object().expect("members") {
        wanted[name] = value.clone();
    }
    wanted["updated_at"] = answer["updated_at"].clone();
    wanted
}

#[tokio::test]
async fn a_patch_changes_the_members_that_it_names_and_no_others() {
    let world = World::shared().await;
    let alice = world.user("alice");

    for contract in CONTRACTS {
        for members in [
            json!({ "title": "buy bread" }),
            json!({ "description": "one loaf" }),
            json!({ "description": "" }),
            json!({ "description": null }),
            json!({ "completed": false }),
            json!({ "completed": true }),
            json!({ "title": "buy bread", "description": "one loaf" }),
            json!({ "title": "buy bread", "description": null }),
            json!({ "title": "buy bread", "completed": false }),
            json!({ "description": null, "completed": false }),
            json!({ "title": "buy bread", "description": "one loaf", "completed": false }),
        ] {
            let task = creates_task(&alice).await;
            let mut body = members.clone();
            body["priority"] = json!("high");

            let answer = alice.patch(&contract.task(&alice, &task["id"]), body).await;

            assert_eq!(answer.status(), 200, "{contract} {members}: {answer:?}");
            assert_eq!(answer.json(), changed(&task, &answer.json(), &members), "{contract} {members}");
            assert_eq!(answer.json(), alice.reads(&task["id"]).await, "{contract} {members}");
        }
    }
}

#[tokio::test]
async fn a_patch_that_names_no_member_of_a_task_is_invalid() {
    let world = World::shared().await;
    let alice = world.user("alice");
    let task = creates_task(&alice).await;

    for contract in CONTRACTS {
        for body in [
            json!({}),
            json!({ "Title": "buy bread", "Completed": false }),
            json!({ "id": 1, "user_id": "bob", "priority": "high" }),
        ] {
            let answer = alice.patch(&contract.task(&alice, &task["id"]), body.clone()).await;

            contract.refuses(&answer, contract.invalid, format!("{contract} {body}"));
            assert_eq!(answer.detail(), "title, description or completed is required", "{contract} {body}");
        }
    }
    assert_eq!(alice.reads(&task["id"]).await, task);
}

/// A PATCH is whole or absent: the database refuses one member, so the others are not changed either.
#[tokio::test]
async fn a_patch_with_a_value_that_is_not_allowed_changes_nothing() {
    let world = World::shared().await;
    let alice = world.user("alice");
    let task = creates_task(&alice).await;

    for (contract, after) in PATCHES {
        for body in [
            json!({ "completed": false, "title": " " }),
            json!({ "completed": false, "title": "" }),
            json!({ "completed": false, "title": "x".repeat(201) }),
            json!({ "completed": false, "title": "\u{0}" }),
            json!({ "completed": false, "title": "buy bread", "description": "x".repeat(1001) }),
        ] {
            let answer = alice.patch(&(contract.task(&alice, &task["id"]) + after), body.clone()).await;

            contract.refuses(&answer, contract.invalid, format!("{contract}{after} {body}"));
        }
    }
    assert_eq!(alice.reads(&task["id"]).await, task);
}

/// Nothing that a client may write is dropped behind a success.
#[tokio::test]
async fn complete_obeys_title_and_description_too() {
    let world = World::shared().await;
    let alice = world.user("alice");

    for contract in [USER_TASKS, TASKS] {
        for members in [
            json!({ "completed": false, "title": "buy bread" }),
            json!({ "completed": false, "description": null }),
            json!({ "completed": true, "title": "buy bread", "description": "one loaf" }),
        ] {
            let task = creates_task(&alice).await;

            let path = contract.task(&alice, &task["id"]) + "/complete";
            let answer = alice.patch(&path, members.clone()).await;

            assert_eq!(answer.status(), 200, "{contract} {members}: {answer:?}");
            assert_eq!(answer.json(), changed(&task, &answer.json(), &members), "{contract} {members}");
            assert_eq!(answer.json(), alice.reads(&task["id"]).await, "{contract} {members}");
        }
    }
}

#[tokio::test]
async fn complete_flips_without_a_body_whatever_its_type_is() {
    let world = World::shared().await;
    let alice = world.user("alice");
    let task = creates_task(&alice).await;
    let mut completed = true;

    for contract in [USER_TASKS, TASKS] {
        for content_type in [None, Some("application/json"), Some("text/plain"), Some("")] {
            let path = contract.task(&alice, &task["id"]) + "/complete";
            let mut request = alice.request(Method::PATCH, &path, "");
            if let Some(content_type) = content_type {
                request.headers_mut().insert("content-type", content_type.parse().expect("a type"));
            }
            let answer = crate::world::send(alice.address, request).await;

            completed = !completed;
            let members = json!({ "completed": completed });
            assert_eq!(answer.status(), 200, "{contract} {content_type:?}: {answer:?}");
            assert_eq!(
                answer.json(),
                changed(&task, &answer.json(), &members),
                "{contract} {content_type:?}"
            );
        }
    }
}

#[tokio::test]
async fn patches_of_different_members_at_once_do_not_undo_one_another() {
    let world = World::shared().await;
    let alice = world.user("alice");

    for contract in CONTRACTS {
        let path = contract.task(&alice, &creates_task(&alice).await["id"]);
        for round in 0..10 {
            let (title, description) = (format!("title {round}"), format!("description {round}"));
            let answers = tokio::join!(
                alice.patch(&path, json!({ "title": title })),
                alice.patch(&path, json!({ "description": description })),
                alice.patch(&path, json!({ "completed": round % 2 == 0 })),
            );

            let task = alice.get(&path).await.json();
            assert_eq!([answers.0.status(), answers.1.status(), answers.2.status()], [200; 3], "{contract}");
            assert_eq!((&task["title"], &task["description"]), (&json!(title), &json!(description)));
            assert_eq!(task["completed"], round % 2 == 0, "{contract} {round}");
        }
    }
}
