//! The contract `/api/v1/tasks`, where it differs from the others.

use http::Method;
use serde_json::json;

use super::contracts::V1_TASKS;
use crate::world::{World, send};

#[tokio::test]
async fn a_task_is_created_read_listed_and_deleted() {
    let world = World::shared().await;
    let alice = world.user("alice");

    let created = alice.post("/api/v1/tasks", json!({ "title": "buy milk" })).await;
    let task = created.json();
    let path = format!("/api/v1/tasks/{}", task["id"]);
    let (read, list) = (alice.get(&path).await, alice.get("/api/v1/tasks").await);
    let deleted = alice.delete(&path).await;

    assert_eq!(created.status(), 201);
    assert_eq!((read.status(), read.json()), (200, task.clone()));
    assert_eq!((list.status(), list.json()), (200, json!([task])));
    assert_eq!((deleted.status(), &deleted.body[..]), (204, &b""[..]));
    V1_TASKS.refuses(&alice.get(&path).await, 404, "the deleted task");
}

#[tokio::test]
async fn a_toggle_flips_whatever_the_body_is() {
    let world = World::shared().await;
    let alice = world.user("alice");
    let id = alice.creates(json!({ "title": "buy milk" })).await["id"].clone();
    let path = format!("/api/v1/tasks/{id}/toggle");
    let mut completed = false;

    for (label, body, content_type) in [
        ("no body", String::new(), "application/json"),
        ("the state it has", r#"{"completed":false}"#.into(), "application/json"),
        ("the state it will not have", r#"{"completed":true}"#.into(), "application/json"),
        ("no boolean", r#"{"completed":"yes"}"#.into(), "application/json"),
        ("malformed JSON", "{\"".into(), "application/json"),
        ("no JSON", "completed=true".into(), "application/x-www-form-urlencoded"),
        ("an invalid content type", "{}".into(), "nonsense"),
        ("more than 64 KiB", "x".repeat(100_000), "application/json"),
        ("much more than 64 KiB", "x".repeat(3_000_000), "text/plain"),
        ("a title of the task", r#"{"title":"buy bread"}"#.into(), "application/json"),
    ] {
        let mut request = alice.request(Method::PATCH, &path, body);
        request.headers_mut().insert("content-type", content_type.parse().expect("a type"));
        let answer = send(alice.address, request).await;

        completed = !completed;
        assert_eq!(answer.status(), 200, "{label}: {answer:?}");
        assert_eq!(answer.json()["completed"], completed, "{label}");
        assert_eq!(answer.json(), alice.reads(&id).await, "{label}");
        assert_eq!(answer.json()["title"], "buy milk", "{label}");
    }
}

#[tokio::test]
async fn two_concurrent_toggles_both_take_effect() {
    let world = World::shared().await;
    let alice = world.user("alice");
    let id = alice.creates(json!({ "title": "buy milk" })).await["id"].clone();

    for (template, pairs) in [
        ("/api/v1/tasks/{id}/toggle", 10),
        ("/api/alice/tasks/{id}/complete", 10),
        ("/api/tasks/{id}/complete", 10),
    ] {
        let path = template.replace("{id}", &id.to_string());
        let toggles = (0..2 * pairs).map(|_| alice.call(Method::PATCH, &path));
        let answers = futures_util::future::join_all(toggles).await;

        let completed = answers.iter().filter(|answer| answer.json()["completed"] == true).count();
        assert_eq!(completed, pairs, "{path}: every other answer is true");
        assert_eq!(alice.reads(&id).await["completed"], false, "{path}");
    }
}

#[tokio::test]
async fn a_list_comes_in_pages() {
    let world = World::shared().await;
    let alice = world.user("alice");
    let mut ids = Vec::new();
    for number in 0..5 {
        let task = alice.creates(json!({ "title": format!("task {number}") })).await;
        ids.insert(0, task["id"].as_i64().expect("an id"));
    }

    for (query, wanted) in [
        ("", &ids[..]),
        ("?limit=2", &ids[..2]),
        ("?limit=2&offset=2", &ids[2..4]),
        ("?limit=2&offset=4", &ids[4..]),
        ("?offset=0", &ids[..]),
        ("?offset=3", &ids[3..]),
        ("?offset=5", &[]),
        ("?limit=1000&offset=10000", &[]),
        ("?limit=1", &ids[..1]),
    ] {
        let answer = alice.get(&format!("/api/v1/tasks{query}")).await;

        assert_eq!(answer.status(), 200, "{query}");
        assert_eq!(answer.ids(), wanted, "{query}");
    }
}

#[tokio::test]
async fn a_page_filtered_by_status_has_only_tasks_of_that_status() {
    let world = World::shared().await;
    let alice = world.user("alice");
    let (mut pending, mut completed) = (Vec::new(), Vec::new());
    for number in 0..6 {
        let id = alice.creates(json!({ "title": "buy milk" })).await["id"].as_i64().expect("an id");
        if number % 2 == 0 {
            alice.patch(&format!("/api/v1/tasks/{id}/toggle"), json!({})).await;
            completed.insert(0, id);
        } else {
            pending.insert(0, id);
        }
    }

    for (query, wanted) in [
        ("status=pending&limit=2", &pending[..2]),
        ("status=pending&limit=2&offset=2", &pending[2..]),
        ("status=completed&limit=2", &completed[..2]),
        ("status=completed&offset=1", &completed[1..]),
    ] {
        let answer = alice.get(&format!("/api/v1/tasks?{query}")).await;

        assert_eq!(answer.ids(), wanted, "{query}");
    }
}

#[tokio::test]
async fn a_page_has_a_hundred_tasks_when_no_limit_is_given() {
    let world = World::shared().await;
    let alice = world.user("alice");
    let superuser = world.database.superuser().await;
    let insert =
        "insert into app.tasks (user_id, title) select 'alice', 'task' from generate_series(1, 1001)";
    superuser.batch_execute(insert).await.expect("tasks");

    for (query, wanted) in [("", 100), ("?limit=1000", 1000), ("?offset=950", 51)] {
        let answer = alice.get(&format!("/api/v1/tasks{query}")).await;

        assert_eq!(answer.ids().len(), wanted, "{query}");
    }
}

#[tokio::test]
async fn a_limit_or_an_offset_out_of_range_is_refused() {
    let world = World::shared().await;
    let alice = world.user("alice");

    for query in [
        "limit=0",
        "limit=1001",
        "limit=-1",
        "limit=abc",
        "limit=",
        "limit=1.5",
        "limit=1e2",
        "limit=%2B5",
        "limit=99999999999999999999",
        "limit=10&limit=0",
        "offset=-1",
        "offset=10001",
        "offset=abc",
        "offset=",
        "offset=0x10",
        "offset=%20",
    ] {
        let answer = alice.get(&format!("/api/v1/tasks?{query}")).await;

        V1_TASKS.refuses(&answer, 422, query);
        let name = query.split('=').next().expect("a name");
        assert!(answer.detail().starts_with(&format!("{name} must be")), "{query}: {}", answer.detail());
    }
}
