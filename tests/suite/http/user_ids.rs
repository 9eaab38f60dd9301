//! User ids can be any text. In a path they are decoded once.

use serde_json::json;

use super::contracts::{CONTRACTS, USER_TASKS, encoded};
use super::tokens::{bearer, token_with};
use crate::world::World;

/// Ids that issuers give, and unusual ones.
pub fn ids() -> Vec<String> {
    let mut ids: Vec<String> = [
        "Qm3xLAw8rYb0c2p6N5sT9uVeRfGhJkZd",
        "0b9c6e0a-7a3f-4a5e-9a49-2f3d8a6f1c11",
        "1",
        "0",
        "alice@example.org",
        "auth0|5f7c8ec7c33c6c004bbafe82",
        "o'brien",
        "\"quoted\"",
        "back\\slash",
        "a/b/../c",
        "/",
        ".",
        "..",
        "a b",
        " alice",
        "alice ",
        "a%2Fb",
        "100%",
        "%zz",
        "%",
        "a+b",
        "a?b=c#d&e",
        "a;b:c,d",
        "{user_id}",
        "$1",
        "%L",
        "'; drop table app.tasks; --",
        "' or '1'='1",
        "алиса",
        "愛麗絲",
        "أليس",
        "🐇",
        "e\u{301}",
        "\u{e9}",
        "\u{200b}",
        "\u{202e}bob",
        "NULL",
        "null",
        "Alice",
        "ALICE",
        "alice",
        "v1",
        "tasks",
        "V1",
        "v1 ",
        "health",
        "rowkeep_owner",
        "postgres",
    ]
    .map(str::to_owned)
    .to_vec();
    ids.extend(["a".repeat(255), "%".repeat(255), "'".repeat(255), "🐇".repeat(255)]);
    ids
}

#[tokio::test]
async fn every_id_is_a_user_of_its_own() {
    let world = World::shared().await;
    let people: Vec<_> = ids().iter().map(|id| world.user(id)).collect();

    for person in &people {
        let task = person.creates(json!({ "title": "x", "description": person.id })).await;
        assert_eq!((&task["user_id"], &task["description"]), (&json!(person.id), &json!(person.id)));
    }

    for person in &people {
        for contract in &CONTRACTS[1..] {
            let list = person.get(&contract.tasks(person)).await.json();
            let owners: Vec<_> =
                list.as_array().expect("a list").iter().map(|task| &task["user_id"]).collect();
            assert_eq!(owners, [&json!(person.id)], "{contract} {}", person.id);
        }
    }
}

#[tokio::test]
async fn every_id_can_be_in_a_path() {
    let world = World::shared().await;

    for id in ids().iter().filter(|id| !["v1", "tasks"].contains(&id.as_str())) {
        let person = world.user(id);
        let created = person.post(&USER_TASKS.tasks(&person), json!({ "title": "buy milk" })).await;

        assert_eq!(created.status(), 201, "{id}: {created:?}");
        let task = created.json();
        assert_eq!(task["user_id"], **id, "{id}");
        assert_eq!(person.get(&USER_TASKS.tasks(&person)).await.json(), json!([task]), "{id}");
        for call in USER_TASKS.calls {
            let answer = call.send(&USER_TASKS, &person, &task["id"]).await;
            assert!(answer.status.is_success(), "{id} {call}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn an_id_in_a_path_is_decoded_exactly_once() {
    let world = World::shared().await;

    for (id, segment, status) in [
        ("a/b", "a%2Fb", 200),
        ("a/b", "a%2fb", 200),
        ("a/b", "a%252Fb", 403),
        ("a%2Fb", "a%252Fb", 200),
        ("a%2Fb", "a%2Fb", 403),
        ("a+b", "a+b", 200),
        ("a+b", "a%2Bb", 200),
        ("a+b", "a%20b", 403),
        ("a b", "a%20b", 200),
        ("a b", "a+b", 403),
        ("100%", "100%25", 200),
        ("%zz", "%25zz", 200),
        ("alice", "%61%6c%69%63%65", 200),
        ("alice", "%2561lice", 403),
        ("alice@example.org", "alice@example.org", 200),
        ("alice@example.org", "alice%40example.org", 200),
        ("alice", "Alice", 403),
        ("alice", "alice%20", 403),
        ("alice", "alice%00", 403),
        ("alice", "alice%0A", 403),
        ("\u{e9}", "%C3%A9", 200),
        ("\u{e9}", "e%CC%81", 403),
        ("e\u{301}", "e%CC%81", 200),
        (".", ".", 200),
        ("..", "%2E%2E", 200),
        ("a;b", "a;b", 200),
        ("a;b", "a", 403),
    ] {
        let answer = world.user(id).get(&format!("/api/{segment}/tasks")).await;

        assert_eq!(answer.status(), status, "{id} at {segment}: {answer:?}");
    }
}

#[tokio::test]
async fn a_segment_that_does_not_decode_is_not_a_user_id() {
    let world = World::shared().await;

    for segment in
        ["%", "%4", "%zz", "alice%", "alice%6", "%g1", "%ff", "%C3%28", "%ED%A0%BE", "%E2%82", "%+1"]
    {
        let replaced: String = percent_encoding::percent_decode_str(segment).decode_utf8_lossy().into();
        for id in ["alice", segment, &replaced] {
            let answer = world.user(id).get(&format!("/api/{segment}/tasks")).await;

            USER_TASKS.refuses(&answer, 403, format!("{id} at {segment}"));
        }
    }
}

#[tokio::test]
async fn the_paths_of_the_other_contracts_are_not_read_as_user_ids() {
    let world = World::shared().await;

    for id in ["v1", "tasks"] {
        let person = world.user(id);
        let task = person.creates(json!({ "title": "buy milk" })).await;
        let task_path = format!("/api/{id}/tasks/{}", task["id"]);

        // The contracts V1_TASKS and TASKS answer these paths, and USER_TASKS does not: its errors have no second member.
        let complete = person.send(http::Method::PATCH, &format!("{task_path}/complete"), "{}").await;
        assert_eq!(complete.status(), 404, "{id}: no route");
        let set = person.patch(&task_path, json!({ "completed": "no" })).await;
        match id {
            "v1" => super::contracts::V1_TASKS.refuses(&set, 422, id),
            _ => assert_eq!(set.status(), 404, "{id}: no route"),
        }
        assert_eq!(person.reads(&task["id"]).await, task, "{id}");
    }
    let tasks = world.user("tasks");
    super::contracts::TASKS.refuses(
        &tasks.get("/api/tasks/tasks").await,
        404,
        "the contract TASKS, the task with the id tasks",
    );
    assert_eq!(tasks.post("/api/tasks/tasks", json!({ "title": "x" })).await.status(), 405);
}

#[tokio::test]
async fn the_other_contracts_paths_cannot_be_written_another_way() {
    let world = World::shared().await;

    for (id, segments) in
        [("v1", ["%76%31", "v%31", "%76"]), ("tasks", ["%74asks", "task%73", "%74%61%73%6B%73"])]
    {
        let person = world.user(id);
        for segment in segments {
            for rest in ["tasks", "tasks/1", "tasks/1/complete"] {
                let answer = person.get(&format!("/api/{segment}/{rest}")).await;

                assert_ne!(answer.status(), 200, "{id} at {segment}/{rest}");
                let decoded = percent_encoding::percent_decode_str(segment).decode_utf8_lossy();
                if decoded == id {
                    assert_eq!(answer.status(), 404, "{id} at {segment}/{rest}");
                }
            }
        }
    }
}

#[tokio::test]
async fn an_id_of_255_characters_is_a_user_and_one_of_256_is_not() {
    let world = World::shared().await;

    for char in ["a", "ü", "🐇", "%"] {
        let (longest, longer) = (char.repeat(255), char.repeat(256));
        let path = |id: &str| format!("/api/{}/tasks", encoded(id));

        assert_eq!(world.user(&longest).get(&path(&longest)).await.status(), 200, "{char}");
        let refused = bearer(&world, &token_with(json!({ "sub": longer })));
        assert_eq!(refused.get(&path(&longer)).await.status(), 401, "{char}");
        assert_eq!(world.user(&longest).get(&path(&longer)).await.status(), 403, "{char}");
    }
}
