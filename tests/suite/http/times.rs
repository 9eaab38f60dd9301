//! How a task looks on the wire, and when its time stamps move.

use serde_json::{Value, json};

use super::contracts::CONTRACTS;
use crate::world::World;

/// The microseconds since 1970 of a time on the wire, if it looks as it must.
fn micros(time: &Value) -> i64 {
    let text = time.as_str().unwrap_or_else(|| panic!("no text: {time}"));
    let shape: String = text.chars().map(|char| if char.is_ascii_digit() { '0' } else { char }).collect();
    assert_eq!(shape, "0000-00-00T00:00:00.000000Z", "{text}");
    text.parse::<jiff::Timestamp>().expect("RFC 3339").as_microsecond()
}

#[tokio::test]
async fn a_task_has_seven_members_and_no_other() {
    let world = World::shared().await;
    let alice = world.user("alice");

    for contract in CONTRACTS {
        let created = alice.post(&contract.tasks(&alice), json!({ "title": "buy milk" })).await.json();
        let path = contract.task(&alice, &created["id"]);
        let replaced = alice.put(&path, json!({ "title": "buy milk" })).await.json();
        let read = alice.get(&path).await.json();
        let listed = alice.get(&contract.tasks(&alice)).await.json()[0].clone();

        for (label, task) in [("POST", &created), ("PUT", &replaced), ("GET", &read), ("list", &listed)] {
            assert!(task["id"].is_i64(), "{contract} {label}: {task}");
            let times = (micros(&task["created_at"]), micros(&task["updated_at"]));
            assert_eq!(times.0, times.1, "{contract} {label}: {task}");
            let wanted = json!({
                "id": created["id"], "user_id": "alice", "title": "buy milk", "description": null,
                "completed": false, "created_at": created["created_at"], "updated_at": created["updated_at"],
            });
            assert_eq!(*task, wanted, "{contract} {label}");
        }
    }
}

#[tokio::test]
async fn ids_ascend_with_creation_across_contracts() {
    let world = World::shared().await;
    let alice = world.user("alice");

    let mut ids = Vec::new();
    for round in 0..2 {
        for contract in CONTRACTS {
            let answer = alice.post(&contract.tasks(&alice), json!({ "title": format!("{round}") })).await;
            ids.push(answer.json()["id"].as_i64().expect("an integer"));
        }
    }

    assert!(ids.is_sorted_by(|one, next| one < next), "{ids:?}");
    assert!(ids.iter().all(|id| (1..1 << 53).contains(id)), "{ids:?}");
}

#[tokio::test]
async fn the_largest_id_of_javascript_is_sent_and_received_unchanged() {
    let world = World::new().await;
    let alice = world.user("alice");
    let superuser = world.database.superuser().await;
    let restart = "alter table app.tasks alter column id restart with 9007199254740991";
    superuser.batch_execute(restart).await.expect("the last id");

    let task = alice.creates(json!({ "title": "buy milk" })).await;

    assert_eq!(task["id"], 9_007_199_254_740_991_i64);
    assert_eq!(alice.reads(&task["id"]).await, task);
}

#[tokio::test]
async fn times_are_utc_with_six_digits_of_a_second() {
    let world = World::new().await;
    let alice = world.user("alice");
    let task = alice.creates(json!({ "title": "buy milk" })).await;
    let superuser = world.database.superuser().await;

    for (stored, wanted) in [
        ("2026-01-10 09:30:00+00", "2026-01-10T09:30:00.000000Z"),
        ("2026-01-10 09:30:00.1+02", "2026-01-10T07:30:00.100000Z"),
        ("2026-01-10 09:30:00.123456-08", "2026-01-10T17:30:00.123456Z"),
        ("1969-12-31 23:59:59.999999+00", "1969-12-31T23:59:59.999999Z"),
    ] {
        let change = format!(
            "alter table app.tasks disable trigger tasks_touch;
             update app.tasks set created_at = '{stored}', updated_at = '{stored}';
             alter table app.tasks enable trigger tasks_touch;"
        );
        superuser.batch_execute(&change).await.expect("another time");

        for contract in CONTRACTS {
            let read = alice.get(&contract.task(&alice, &task["id"])).await.json();
            let times = (&read["created_at"], &read["updated_at"]);
            assert_eq!(times, (&json!(wanted), &json!(wanted)), "{contract} {stored}");
        }
    }
}

#[tokio::test]
async fn a_new_task_carries_the_time_of_its_creation() {
    let world = World::shared().await;
    let alice = world.user("alice");

    let before = jiff::Timestamp::now().as_microsecond();
    let task = alice.creates(json!({ "title": "buy milk" })).await;
    let after = jiff::Timestamp::now().as_microsecond();

    let created = micros(&task["created_at"]);
    assert!((before..=after).contains(&created), "{before} {created} {after}");
    assert_eq!(micros(&task["updated_at"]), created);
}

#[tokio::test]
async fn a_real_change_moves_updated_at_and_never_created_at() {
    let world = World::shared().await;
    let alice = world.user("alice");
    let mut task = alice.creates(json!({ "title": "buy milk", "description": "two litres" })).await;

    for (method, template, body) in [
        ("PUT", "/api/alice/tasks/{id}", json!({ "title": "U", "description": "two litres" })),
        ("PUT", "/api/alice/tasks/{id}", json!({ "title": "U" })),
        ("PATCH", "/api/alice/tasks/{id}", json!({ "completed": true })),
        ("PATCH", "/api/alice/tasks/{id}/complete", json!({})),
        ("PATCH", "/api/alice/tasks/{id}/complete", json!({ "completed": true })),
        ("PUT", "/api/tasks/{id}", json!({ "title": "T" })),
        ("PUT", "/api/tasks/{id}", json!({ "title": "T", "completed": false })),
        ("PATCH", "/api/tasks/{id}/complete", json!({ "completed": true })),
        ("PUT", "/api/v1/tasks/{id}", json!({ "title": "T", "description": "new" })),
        ("PATCH", "/api/v1/tasks/{id}/toggle", json!({})),
        ("PATCH", "/api/alice/tasks/{id}", json!({ "title": "P" })),
        ("PATCH", "/api/tasks/{id}", json!({ "description": null })),
        ("PATCH", "/api/v1/tasks/{id}", json!({ "title": "P", "description": "new" })),
        ("PATCH", "/api/tasks/{id}/complete", json!({ "completed": true, "title": "Q" })),
    ] {
        let path = template.replace("{id}", &task["id"].to_string());
        let method = method.parse().expect("a method");
        let changed = alice.send(method, &path, body.to_string()).await.json();

        assert!(micros(&changed["updated_at"]) > micros(&task["updated_at"]), "{path} {body}");
        assert_eq!(changed["created_at"], task["created_at"], "{path} {body}");
        task = changed;
    }
}

#[tokio::test]
async fn a_change_without_effect_does_not_move_updated_at() {
    let world = World::shared().await;
    let alice = world.user("alice");
    let task = alice.creates(json!({ "title": "buy milk", "description": "two litres" })).await;
    let same = json!({ "title": "buy milk", "description": "two litres" });
    let title = json!({ "title": "buy milk" });
    let pending = json!({ "completed": false });

    for (method, template, body) in [
        ("PUT", "/api/alice/tasks/{id}", &same),
        ("PATCH", "/api/alice/tasks/{id}", &pending),
        ("PATCH", "/api/alice/tasks/{id}", &same),
        ("PATCH", "/api/tasks/{id}", &title),
        ("PATCH", "/api/tasks/{id}", &same),
        ("PATCH", "/api/v1/tasks/{id}", &pending),
        ("PATCH", "/api/v1/tasks/{id}", &same),
        ("PATCH", "/api/alice/tasks/{id}/complete", &pending),
        ("PUT", "/api/tasks/{id}", &same),
        ("PUT", "/api/tasks/{id}", &title),
        ("PATCH", "/api/tasks/{id}/complete", &pending),
        ("PUT", "/api/v1/tasks/{id}", &same),
        ("PUT", "/api/v1/tasks/{id}", &title),
    ] {
        let path = template.replace("{id}", &task["id"].to_string());
        let answer = alice.send(method.parse().expect("a method"), &path, body.to_string()).await;

        assert_eq!((answer.status(), answer.json()), (200, task.clone()), "{method} {path} {body}");
    }
}

#[tokio::test]
async fn reads_and_refused_changes_do_not_move_updated_at() {
    let world = World::shared().await;
    let alice = world.user("alice");
    let task = alice.creates(json!({ "title": "buy milk" })).await;

    for contract in CONTRACTS {
        let path = contract.task(&alice, &task["id"]);
        alice.get(&contract.tasks(&alice)).await;
        alice.get(&path).await;
        let refused = alice.put(&path, json!({ "title": " ", "completed": true })).await;

        assert_eq!(refused.status(), contract.invalid, "{contract}");
        assert_eq!(alice.get(&path).await.json(), task, "{contract}");
    }
}

#[tokio::test]
async fn updated_at_never_moves_backwards() {
    let world = World::new().await;
    let alice = world.user("alice");
    let id = alice.creates(json!({ "title": "buy milk" })).await["id"].clone();
    let superuser = world.database.superuser().await;
    let ahead = "alter table app.tasks disable trigger tasks_touch;
                 update app.tasks set updated_at = '2999-01-01 00:00:00+00';
                 alter table app.tasks enable trigger tasks_touch;";
    superuser.batch_execute(ahead).await.expect("a clock that was ahead");

    let first = alice.patch(&format!("/api/v1/tasks/{id}/toggle"), json!({})).await.json();
    let second = alice.put(&format!("/api/alice/tasks/{id}"), json!({ "title": "x" })).await.json();

    assert_eq!(first["updated_at"], "2999-01-01T00:00:00.000001Z");
    assert_eq!(second["updated_at"], "2999-01-01T00:00:00.000002Z");
}
