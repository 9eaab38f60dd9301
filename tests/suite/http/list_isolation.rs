//! Isolation of lists: tasks of alice do not change a byte of any list of bob.

use serde_json::json;

use super::links::{cursor, ids, list, next, walk};
use crate::world::{Answer, Person, World};

const SORTS: [&str; 8] =
    ["id", "-id", "created_at", "-created_at", "title", "-title", "updated_at", "-updated_at"];
const STATUSES: [&str; 3] = ["all", "pending", "completed"];

/// Creates tasks, completes the last one, and returns their ids.
async fn creates(person: &Person, titles: &[&str]) -> Vec<i64> {
    let mut ids = Vec::new();
    for title in titles {
        let task =
            person.creates(json!({ "title": title, "description": format!("{title}, she said") })).await;
        ids.push(task["id"].as_i64().expect("an id"));
    }
    let last = ids.last().expect("a task");
    person.patch(&format!("/api/tasks/{last}/complete"), json!({ "completed": true })).await;
    ids
}

/// Paths of lists with every kind of parameter.
fn paths() -> Vec<String> {
    let mut paths = Vec::new();
    for sort in SORTS {
        for status in STATUSES {
            for q in ["", "milk", "SHE SAID", "secret", "alice"] {
                for (name, value) in [("limit", "1"), ("limit", "1000"), ("offset", "1")] {
                    paths.push(list(&[
                        ("sort", sort),
                        ("status", status),
                        ("q", q),
                        (name, value),
                        ("count", "true"),
                    ]));
                }
            }
        }
    }
    paths
}

/// The answers to these paths, with all following pages.
async fn answers(person: &Person, paths: &[String]) -> Vec<Vec<impl PartialEq + std::fmt::Debug + use<>>> {
    let mut answers = Vec::new();
    for path in paths {
        answers.push(walk(person, path).await.into_iter().map(Answer::without_date).collect());
    }
    answers
}

/// Pages, order, counts, cursors and lengths are the same with and without the tasks of alice.
#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn tasks_of_another_user_do_not_change_any_list() {
    let world = World::new().await;
    let (alice, bob) = (world.user("alice"), world.user("bob"));
    // His tasks come before, between and after hers in every sort order.
    creates(&alice, &["milk", "a"]).await;
    let his = creates(&bob, &["milk", "secret", "milk"]).await;
    let paths = paths();
    let before = answers(&bob, &paths).await;

    let hers = creates(&alice, &["milk", "secret alice", "\u{1}", "\u{10ffff}", "secret", "milk"]).await;
    let with_hers = answers(&bob, &paths).await;
    for id in hers {
        alice.delete(&format!("/api/tasks/{id}")).await;
    }
    let without = answers(&bob, &paths).await;

    for (number, path) in paths.iter().enumerate() {
        assert_eq!(with_hers[number], before[number], "{path}");
        assert_eq!(without[number], before[number], "{path}");
    }
    assert_eq!(ids(&walk(&bob, "/api/v1/tasks?sort=id&limit=2").await), his);
}

#[tokio::test]
async fn lists_of_a_user_without_tasks_do_not_depend_on_other_users() {
    let world = World::shared().await;
    let (alice, bob) = (world.user("alice"), world.user("bob"));
    let paths = paths();
    let before = answers(&bob, &paths).await;

    creates(&alice, &["milk", "secret", "alice"]).await;

    assert_eq!(answers(&bob, &paths).await, before);
    let nothing = bob.get(&paths[0]).await;
    assert_eq!((&nothing.body[..], nothing.header("x-total-count")), (&b"[]"[..], "0"));
}

/// Her cursor is refused exactly like random text.
#[tokio::test]
async fn a_cursor_of_another_user_shows_nothing() {
    let world = World::shared().await;
    let (alice, bob) = (world.user("alice"), world.user("bob"));
    creates(&alice, &["milk", "milk", "milk"]).await;
    creates(&bob, &["milk", "milk", "milk"]).await;

    for sort in SORTS {
        for status in ["all", "pending"] {
            for q in ["", "milk"] {
                let list =
                    list(&[("sort", sort), ("status", status), ("q", q), ("limit", "1"), ("count", "true")]);
                let hers = alice.get(&list).await;
                let cursor = cursor(&hers);
                let nonsense = bob.get(&format!("{list}&cursor=nonsense")).await.without_date();

                for address in [next(&hers).expect("a Link"), format!("{list}&cursor={cursor}")] {
                    let answer = bob.get(&address).await;

                    assert_eq!(answer.status(), 422, "{list}");
                    assert_eq!(answer.without_date(), nonsense, "{list}");
                }
                // Whole lists ignore cursors, also hers.
                for path in ["/api/tasks", "/api/bob/tasks"] {
                    let answer = bob.get(&format!("{path}?cursor={cursor}")).await;
                    assert!(
                        answer.json().as_array().expect("a list").iter().all(|task| task["user_id"] == "bob")
                    );
                    assert_eq!(answer.ids().len(), 3, "{path}");
                }
            }
        }
    }
}

#[tokio::test]
async fn two_users_page_through_their_lists_over_one_connection() {
    let world = World::with(&[("DATABASE_POOL_SIZE", "2")]).await;
    let (alice, bob) = (world.user("alice"), world.user("bob"));
    for (person, number) in [(&alice, 5), (&bob, 9)] {
        for _ in 0..number {
            person.creates(json!({ "title": format!("milk of {}", person.id) })).await;
        }
    }

    for sort in SORTS {
        for q in ["", "milk"] {
            let list = list(&[("sort", sort), ("q", q), ("limit", "1"), ("count", "true")]);
            let (hers, his) = tokio::join!(walk(&alice, &list), walk(&bob, &list));

            for (person, pages, number) in [(&alice, hers, 5), (&bob, his, 9)] {
                assert_eq!(pages.len(), number, "{list}");
                for page in pages {
                    assert_eq!(page.json()[0]["user_id"], person.id, "{list}");
                    assert_eq!(page.header("x-total-count"), number.to_string(), "{list}");
                }
            }
        }
    }
}
