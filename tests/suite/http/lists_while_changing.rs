//! A client pages through a list while its tasks change.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::links::{id, list, next};
use crate::world::{Person, World};

const SORTS: [&str; 6] = ["-id", "id", "title", "-title", "updated_at", "-updated_at"];

/// The sort key of a task, as the list shows it.
fn place(sort: &str, task: &Value) -> (String, i64) {
    let by = match sort.trim_start_matches('-') {
        "title" => task["title"].as_str().expect("a title"),
        "updated_at" => task["updated_at"].as_str().expect("a time"),
        _ => "",
    };
    (by.to_owned(), id(task))
}

async fn deletes(person: &Person, id: i64) {
    let answer = person.delete(&format!("/api/v1/tasks/{id}")).await;
    assert_eq!(answer.status(), 204, "{answer:?}");
}

/// Between two pages, the task of the cursor and a later task are deleted, and tasks are created before and after the
/// cursor. Every task that exists all the time must be shown exactly once.
#[tokio::test]
async fn every_task_that_stays_is_shown_once_while_others_are_created_and_deleted() {
    let world = World::shared().await;

    for sort in SORTS {
        for q in ["", "t"] {
            let alice = world.user(&format!("alice {sort} {q}"));
            let mut staying = BTreeSet::new();
            for number in 0..14 {
                let title = format!("t{}", (number * 5) % 14 + 10);
                staying.insert(id(&alice.creates(json!({ "title": title })).await));
            }

            let mut path = Some(list(&[("sort", sort), ("q", q), ("limit", "2")]));
            let (mut seen, mut round): (Vec<Value>, _) = (Vec::new(), 0);
            while let Some(address) = path {
                let page = alice.get(&address).await;
                assert_eq!(page.status(), 200, "{address}: {page:?}");
                seen.extend(page.json().as_array().expect("a list").clone());
                path = next(&page);
                round += 1;
                if round > 3 {
                    continue;
                }

                let last = id(seen.last().expect("a task"));
                deletes(&alice, last).await;
                // It existed when it was shown.
                staying.remove(&last);
                let unseen = staying.iter().find(|id| seen.iter().all(|task| super::links::id(task) != **id));
                let unseen = *unseen.expect("more tasks");
                deletes(&alice, unseen).await;
                staying.remove(&unseen);
                for title in ["a t", "t1", "t15", "zt"] {
                    alice.creates(json!({ "title": title })).await;
                }
            }

            let mut times = BTreeMap::new();
            for task in &seen {
                *times.entry(id(task)).or_insert(0) += 1;
            }
            assert!(times.values().all(|times| *times == 1), "{sort} {q}: {times:?}");
            assert!(staying.iter().all(|id| times.contains_key(id)), "{sort} {q}: {staying:?} {times:?}");
            let places: Vec<_> = seen.iter().map(|task| place(sort, task)).collect();
            let in_order = match sort.starts_with('-') {
                true => places.is_sorted_by(|one, next| one > next),
                false => places.is_sorted_by(|one, next| one < next),
            };
            assert!(in_order, "{sort} {q}: {places:?}");
        }
    }
}

#[tokio::test]
async fn a_task_that_moves_behind_the_cursor_is_shown_and_one_before_it_is_not() {
    let world = World::shared().await;

    for (sort, before, behind) in [("title", "a", "z"), ("-title", "z", "a")] {
        let alice = world.user(&format!("alice {sort}"));
        for _ in 0..3 {
            alice.creates(json!({ "title": "m" })).await;
        }
        let first = alice.get(&list(&[("sort", sort), ("limit", "2")])).await;
        alice.creates(json!({ "title": before })).await;
        alice.creates(json!({ "title": behind })).await;

        let rest = alice.get(&next(&first).expect("a Link")).await.json();

        assert_eq!(
            (&rest[0]["title"], &rest[1]["title"], &rest[2]),
            (&json!("m"), &json!(behind), &Value::Null)
        );
    }
}

#[tokio::test]
async fn a_page_whose_tasks_were_deleted_is_empty_and_the_last() {
    let world = World::shared().await;
    let alice = world.user("alice");

    for sort in SORTS {
        for _ in 0..3 {
            alice.creates(json!({ "title": "milk" })).await;
        }
        let first = alice.get(&list(&[("sort", sort), ("limit", "1"), ("count", "true")])).await;
        for id in alice.get("/api/v1/tasks").await.ids() {
            deletes(&alice, id).await;
        }

        let rest = alice.get(&next(&first).expect("a Link")).await;

        assert_eq!((rest.status(), &rest.body[..]), (200, &b"[]"[..]), "{sort}");
        assert_eq!((next(&rest), rest.header("x-total-count")), (None, "0"), "{sort}");
    }
}

/// A completed task leaves the list of pending tasks. A cursor at that task stays valid.
#[tokio::test]
async fn a_filtered_list_continues_after_a_task_that_no_longer_matches() {
    let world = World::shared().await;
    let alice = world.user("alice");

    for sort in ["-id", "id", "title", "-title"] {
        let mut created = Vec::new();
        for number in 0..4 {
            created.push(id(&alice.creates(json!({ "title": format!("task {number}") })).await));
        }
        if sort.starts_with('-') {
            created.reverse();
        }
        let query = [("sort", sort), ("status", "pending"), ("limit", "2")];
        let first = alice.get(&list(&query)).await;
        assert_eq!(first.ids(), created[..2], "{sort}");
        for id in &created[..2] {
            alice.call(http::Method::PATCH, &format!("/api/v1/tasks/{id}/toggle")).await;
        }

        let rest = alice.get(&next(&first).expect("a Link")).await;

        assert_eq!((rest.ids(), next(&rest)), (created[2..].to_vec(), None), "{sort}");
        for id in created {
            deletes(&alice, id).await;
        }
    }
}
