//! Many users, and many requests for one task, at once.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::world::World;

#[tokio::test]
async fn fifty_users_who_create_at_once_each_see_exactly_their_own_tasks() {
    let world = World::shared().await;
    let users: Vec<_> = (0..50).map(|number| world.user(&format!("user {number}"))).collect();

    join_all(users.iter().map(async |user| {
        for number in 0..20 {
            user.creates(json!({ "title": format!("{} {number}", user.id) })).await;
        }
    }))
    .await;

    let lists = join_all(users.iter().map(|user| user.get("/api/tasks"))).await;
    for (user, list) in users.iter().zip(lists) {
        let wanted: Vec<_> = (0..20).rev().map(|number| format!("{} {number}", user.id)).collect();
        let list = list.json();
        let list = list.as_array().expect("a list");
        assert!(list.iter().all(|task| task["user_id"] == user.id.as_str()), "{list:?}");
        let titles: Vec<_> = list.iter().map(|task| task["title"].as_str().expect("a title")).collect();
        assert_eq!(titles, wanted);
    }
}

#[tokio::test]
async fn no_toggle_is_lost_when_many_run_at_once() {
    let world = World::shared().await;
    let alice = world.user("alice");
    let task = alice.creates(json!({ "title": "one" })).await;
    let path = format!("/api/v1/tasks/{}/toggle", task["id"]);

    let answers = join_all((0..41).map(|_| alice.patch(&path, json!({})))).await;

    let (mut done, mut open) = (0, 0);
    for answer in answers {
        assert_eq!(answer.status(), 200, "{answer:?}");
        if answer.json()["completed"] == true { done += 1 } else { open += 1 }
    }
    assert_eq!((done, open), (21, 20));
    assert_eq!(alice.reads(&task["id"]).await["completed"], true);
}

#[tokio::test]
async fn each_of_many_changes_at_once_has_a_later_updated_at() {
    let world = World::shared().await;
    let alice = world.user("alice");
    let task = alice.creates(json!({ "title": "one" })).await;
    let one = format!("/api/v1/tasks/{}", task["id"]);
    let toggle = format!("{one}/toggle");

    let toggles = join_all((0..20).map(|_| alice.patch(&toggle, json!({}))));
    let replacements =
        join_all((0..20).map(|number| alice.put(&one, json!({ "title": format!("title {number}") }))));
    let (toggles, replacements) = tokio::join!(toggles, replacements);

    let time = |task: &Value| task["updated_at"].as_str().expect("a time").to_owned();
    let times: BTreeSet<_> = toggles.iter().chain(&replacements).map(|answer| time(&answer.json())).collect();
    assert_eq!(times.len(), 40, "two changes have the same time: {times:?}");
    assert!(times.first() > Some(&time(&task)));
    assert_eq!(times.last(), Some(&time(&alice.reads(&task["id"]).await)));
}

#[tokio::test]
async fn users_who_share_a_database_connection_never_see_each_others_tasks() {
    // On a loaded machine 200 requests wait longer for one connection than the default allows.
    let world = World::with(&[("DATABASE_POOL_SIZE", "2"), ("REQUEST_TIMEOUT", "60")]).await;
    let users: Vec<_> = (0..10).map(|number| world.user(&format!("user {number}"))).collect();
    for user in &users {
        user.creates(json!({ "title": user.id })).await;
    }

    let lists =
        join_all((0..20).flat_map(|_| &users).map(async |user| (user, user.get("/api/tasks").await))).await;

    for (user, list) in lists {
        assert_eq!(list.status(), 200, "{list:?}");
        let list = list.json();
        assert_eq!((list.as_array().map(Vec::len), &list[0]["title"]), (Some(1), &json!(user.id)));
    }
}
