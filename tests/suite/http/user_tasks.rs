//! The contract `/api/{user_id}/tasks`, where it differs from the others.

use serde_json::json;

use super::contracts::USER_TASKS;
use crate::world::World;

#[tokio::test]
async fn a_task_is_created_read_listed_and_deleted() {
    let world = World::shared().await;
    let alice = world.user("alice");

    let created = alice.post("/api/alice/tasks", json!({ "title": "buy milk" })).await;
    let task = created.json();
    let path = format!("/api/alice/tasks/{}", task["id"]);
    let (read, list) = (alice.get(&path).await, alice.get("/api/alice/tasks").await);
    let deleted = alice.delete(&path).await;

    assert_eq!(created.status(), 201);
    assert_eq!((read.status(), read.json()), (200, task.clone()));
    assert_eq!((list.status(), list.json()), (200, json!([task])));
    assert_eq!((deleted.status(), &deleted.body[..]), (204, &b""[..]));
    USER_TASKS.refuses(&alice.get(&path).await, 404, "the deleted task");
}

#[tokio::test]
async fn a_put_carries_the_whole_editable_task() {
    let world = World::shared().await;
    let alice = world.user("alice");
    let task = alice.creates(json!({ "title": "buy milk", "description": "two litres" })).await;

    let path = format!("/api/alice/tasks/{}", task["id"]);
    let answer = alice.put(&path, json!({ "title": "buy bread" })).await;

    assert_eq!(answer.status(), 200);
    assert_eq!(answer.json()["title"], "buy bread");
    assert_eq!(answer.json()["description"], json!(null));
    assert_eq!(answer.json(), alice.reads(&task["id"]).await);
}

#[tokio::test]
async fn a_patch_sets_completed() {
    let world = World::shared().await;
    let alice = world.user("alice");
    let id = alice.creates(json!({ "title": "buy milk" })).await["id"].clone();

    for path in [format!("/api/alice/tasks/{id}"), format!("/api/alice/tasks/{id}/complete")] {
        for completed in [true, true, false, false] {
            let answer = alice.patch(&path, json!({ "completed": completed })).await;

            assert_eq!(answer.status(), 200, "{path}");
            assert_eq!(answer.json()["completed"], completed, "{path}");
            assert_eq!(answer.json(), alice.reads(&id).await, "{path}");
        }
    }
}

#[tokio::test]
async fn complete_flips_when_the_body_does_not_say_completed() {
    let world = World::shared().await;
    let alice = world.user("alice");
    let id = alice.creates(json!({ "title": "buy milk" })).await["id"].clone();
    let path = format!("/api/alice/tasks/{id}/complete");
    let mut completed = false;

    for (body, content_type) in [
        ("", None),
        ("", Some("application/json")),
        ("", Some("text/plain")),
        ("{}", None),
        ("{}", Some("application/json")),
        (" {} ", Some("application/json")),
        (r#"{"status":"done"}"#, Some("application/json")),
        (r#"{"title":"buy bread"}"#, Some("application/json")),
    ] {
        let mut request = alice.request(http::Method::PATCH, &path, body);
        if let Some(content_type) = content_type {
            let value = content_type.parse().expect("a type");
            request.headers_mut().insert("content-type", value);
        }
        let answer = crate::world::send(alice.address, request).await;

        completed = !completed;
        assert_eq!(answer.status(), 200, "{body:?} as {content_type:?}: {answer:?}");
        assert_eq!(answer.json()["completed"], completed, "{body:?} as {content_type:?}");
    }
    assert_eq!(alice.reads(&id).await["title"], "buy bread", "a title is obeyed wherever it stands");
}

#[tokio::test]
async fn complete_refuses_a_body_that_is_neither_empty_nor_an_object() {
    let world = World::shared().await;
    let alice = world.user("alice");
    let id = alice.creates(json!({ "title": "buy milk" })).await["id"].clone();
    let path = format!("/api/alice/tasks/{id}/complete");

    for (body, status) in [(" ", 400), ("{", 400), ("null", 422), ("true", 422), ("[]", 422), ("\"\"", 422)] {
        let answer = alice.send(http::Method::PATCH, &path, body).await;

        USER_TASKS.refuses(&answer, status, body);
    }
    assert_eq!(alice.reads(&id).await["completed"], false);
}

#[tokio::test]
async fn every_request_to_the_path_of_another_user_is_forbidden() {
    let world = World::shared().await;
    let (alice, bob) = (world.user("alice"), world.user("bob"));
    let task = alice.creates(json!({ "title": "buy milk" })).await;

    for call in USER_TASKS.calls {
        for id in [task["id"].to_string(), "4711".into(), "abc".into()] {
            let path = call.path(&USER_TASKS, &alice, id);
            let answer = bob.send(call.method.clone(), &path, call.body).await;

            USER_TASKS.refuses(&answer, 403, format!("{} {path}", call.method));
        }
    }
    USER_TASKS.refuses(&bob.get("/api/alice/tasks").await, 403, "GET list");
    USER_TASKS.refuses(&bob.post("/api/alice/tasks", json!({ "title": "mine" })).await, 403, "POST");
    assert_eq!(alice.get("/api/alice/tasks").await.json(), json!([task]));
}
