//! `Location` of a new task.

use serde_json::json;

use super::contracts::CONTRACTS;
use super::user_ids::ids;
use crate::world::World;

#[tokio::test]
async fn a_created_task_is_at_its_location_in_the_same_contract() {
    let world = World::shared().await;
    let alice = world.user("alice");

    for contract in CONTRACTS {
        for slash in ["", "/"] {
            let path = contract.tasks(&alice) + slash;
            let created = alice.post(&path, json!({ "title": "buy milk" })).await;
            let id = &created.json()["id"];

            assert_eq!(created.header("location"), contract.task(&alice, id), "{path}");
            assert_eq!(alice.get(created.header("location")).await.json(), created.json(), "{path}");
        }
    }
}

#[tokio::test]
async fn the_location_of_a_task_holds_any_user_id_percent_encoded() {
    let world = World::shared().await;

    for id in ids().iter().filter(|id| !["v1", "tasks"].contains(&id.as_str())) {
        let person = world.user(id);
        let path = super::contracts::USER_TASKS.tasks(&person);
        let created = person.post(&path, json!({ "title": "buy milk" })).await;
        let location = created.header("location");

        let segments: Vec<_> = location.split('/').collect();
        assert_eq!(segments.len(), 5, "{id}: {location}");
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~%".contains(&byte);
        assert!(segments[2].bytes().all(is_plain), "{id}: {location}");
        assert_eq!(person.get(location).await.json(), created.json(), "{id}: {location}");
    }
}

#[tokio::test]
async fn no_other_answer_has_a_location() {
    let world = World::shared().await;
    let alice = world.user("alice");
    let id = alice.creates(json!({ "title": "buy milk" })).await["id"].clone();

    for contract in CONTRACTS {
        let refused = alice.post(&contract.tasks(&alice), json!({ "title": " " })).await;
        assert_eq!((refused.status(), refused.header("location")), (contract.invalid, ""), "{contract}");
        for call in contract.calls.iter().filter(|call| call.method != http::Method::DELETE) {
            let answer = call.send(&contract, &alice, &id).await;
            assert_eq!((answer.status(), answer.header("location")), (200, ""), "{contract} {call}");
        }
    }
}
