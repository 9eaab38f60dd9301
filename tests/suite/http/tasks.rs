//! The contract `/api/tasks`, where it differs from the others.

use serde_json::json;

use super::contracts::TASKS;
use crate::world::World;

#[tokio::test]
async fn a_task_is_created_read_and_listed() {
    let world = World::shared().await;
    let alice = world.user("alice");

    let created = alice.post("/api/tasks", json!({ "title": "buy milk", "description": "two" })).await;
    let task = created.json();
    let read = alice.get(&format!("/api/tasks/{}", task["id"])).await;
    let list = alice.get("/api/tasks").await;

    assert_eq!(created.status(), 201);
    assert_eq!((read.status(), read.json()), (200, task.clone()));
    assert_eq!((list.status(), list.json()), (200, json!([task])));
}

#[tokio::test]
async fn a_delete_answers_json_with_a_message() {
    let world = World::shared().await;
    let alice = world.user("alice");
    let id = alice.creates(json!({ "title": "buy milk" })).await["id"].clone();

    let answer = alice.delete(&format!("/api/tasks/{id}")).await;

    assert_eq!(answer.status(), 200);
    assert_eq!(answer.header("content-type"), "application/json");
    let body = answer.json();
    assert!(body["message"].as_str().is_some_and(|message| !message.is_empty()), "{body}");
    assert_eq!(body.as_object().map(|members| members.len()), Some(1), "{body}");
    TASKS.refuses(&alice.get(&format!("/api/tasks/{id}")).await, 404, "the deleted task");
}

#[tokio::test]
async fn complete_sets_what_the_body_says() {
    let world = World::shared().await;
    let alice = world.user("alice");
    let id = alice.creates(json!({ "title": "buy milk" })).await["id"].clone();

    for completed in [true, true, false, false] {
        let path = format!("/api/tasks/{id}/complete");
        let answer = alice.patch(&path, json!({ "completed": completed })).await;

        assert_eq!((answer.status(), &answer.json()["completed"]), (200, &json!(completed)));
        assert_eq!(answer.json(), alice.reads(&id).await);
    }
}

#[tokio::test]
async fn complete_refuses_a_body_without_completed() {
    let world = World::shared().await;
    let alice = world.user("alice");
    let id = alice.creates(json!({ "title": "buy milk" })).await["id"].clone();

    for body in ["{}", " {} ", r#"{"done":true}"#, r#"{"title":"buy bread"}"#, "null", "true", "[]", " "] {
        let answer = alice.send(http::Method::PATCH, &format!("/api/tasks/{id}/complete"), body).await;

        TASKS.refuses(&answer, 400, body);
        if body.contains('{') {
            assert_eq!(answer.detail(), "completed is required", "{body}");
        }
    }
    assert_eq!(alice.reads(&id).await["title"], "buy milk");
    assert_eq!(alice.reads(&id).await["completed"], false);
}
