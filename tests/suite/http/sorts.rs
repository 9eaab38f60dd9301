//! The sort orders of a list, compared with orders computed here.

use std::cmp::Ordering;

use serde_json::{Value, json};

use super::links::{id, ids, list, walk};
use crate::world::{Answer, Database, Person, World};

/// Titles whose order depends on collation, UTF-16 and case. Some are there twice.
const TITLES: [&str; 18] = [
    "b",
    "a",
    "B",
    "A",
    "Ä",
    "ä",
    "a\u{308}",
    "😀a",
    "\u{ffee}a",
    "a",
    "z",
    "Za",
    "10",
    "9a",
    " a",
    "_a",
    "A",
    "ß",
];

/// Creates tasks of alice and returns them: every other one completed, some changed later, some at the same moment.
async fn tasks(world: &World) -> (Person, Vec<Value>) {
    let alice = world.user("alice");
    let mut created = Vec::new();
    for title in TITLES {
        created.push(alice.creates(json!({ "title": title })).await);
    }
    for task in created.iter().step_by(2) {
        alice.patch(&format!("/api/tasks/{}/complete", task["id"]), json!({ "completed": true })).await;
    }
    let change = async |number: usize| {
        let task = &created[number];
        let change = json!({ "title": task["title"], "description": "changed" });
        alice.put(&format!("/api/tasks/{}", task["id"]), change).await;
    };
    for number in [11, 4, 17] {
        change(number).await;
    }
    // Equal timestamps, as two requests at the same moment can leave.
    let ties = format!(
        "set session_replication_role = replica;
         update app.tasks set updated_at = (select max(updated_at) from app.tasks) - interval '1 millisecond'
          where id in ({}, {}, {})",
        created[3]["id"], created[4]["id"], created[9]["id"]
    );
    world.database.superuser().await.batch_execute(&ties).await.expect("the same moment");
    // A replica is read up to this change at least. It knows nothing of the statement before.
    change(0).await;

    let tasks = alice.get("/api/tasks").await.json().as_array().expect("a list").clone();
    assert_eq!(tasks.len(), TITLES.len());
    (alice, tasks)
}

/// Compares two tasks by `sort`. Rust compares strings by code points.
fn compare(sort: &str, one: &Value, other: &Value) -> Ordering {
    let by = |name: &str| one[name].as_str().expect("a text").cmp(other[name].as_str().expect("a text"));
    let ascending = match sort.trim_start_matches('-') {
        "title" => by("title"),
        // Timestamps have a fixed number of digits, so that comparing the texts is enough.
        "updated_at" => by("updated_at"),
        _ => Ordering::Equal,
    };
    let ascending = ascending.then(id(one).cmp(&id(other)));
    if sort.starts_with('-') { ascending.reverse() } else { ascending }
}

const SORTS: [&str; 8] =
    ["created_at", "-created_at", "updated_at", "-updated_at", "title", "-title", "id", "-id"];

#[tokio::test]
async fn every_sort_order_holds_across_pages() {
    let world = World::shared().await;
    let (alice, mut tasks) = tasks(&world).await;

    for sort in SORTS {
        tasks.sort_by(|one, other| compare(sort, one, other));
        for (status, completed) in [("all", None), ("pending", Some(false)), ("completed", Some(true))] {
            for q in ["", "A"] {
                let wanted = tasks.iter().filter(|task| {
                    let title = task["title"].as_str().expect("a text");
                    completed.is_none_or(|completed| task["completed"] == completed)
                        && (q.is_empty() || title.contains(['a', 'A']) || task["description"] == "changed")
                });
                let wanted: Vec<_> = wanted.map(id).collect();
                for limit in [1, 3, 1000] {
                    let path =
                        list(&[("sort", sort), ("status", status), ("q", q), ("limit", &limit.to_string())]);
                    let pages = walk(&alice, &path).await;

                    assert_eq!(ids(&pages), wanted, "{path}");
                    let lengths: Vec<_> = pages.iter().map(|page| page.ids().len()).collect();
                    let full: Vec<_> = wanted.chunks(limit).map(<[_]>::len).collect();
                    assert_eq!(lengths, full, "{path}: all pages but the last are full");
                }
            }
        }
    }
}

#[tokio::test]
async fn lists_are_newest_first_by_default() {
    let world = World::shared().await;
    let (alice, mut tasks) = tasks(&world).await;
    tasks.sort_by_key(|task| std::cmp::Reverse(id(task)));
    let newest_first: Vec<_> = tasks.iter().map(id).collect();

    for path in ["/api/v1/tasks", "/api/v1/tasks?sort=-created_at", "/api/v1/tasks?limit=4"] {
        assert_eq!(ids(&walk(&alice, path).await), newest_first, "{path}");
    }
}

/// The expected order. It differs from that of every language.
const ORDERED: [&str; 17] =
    ["!", "10", "9", "A", "B", "Z", "_", "a", "aa", "a\u{308}", "b", "Ä", "ß", "ä", "Ж", "\u{ffee}", "😀"];

async fn titles_are_ordered_by_code_points(world: &World) {
    let alice = world.user("alice");
    for title in ORDERED.iter().rev() {
        alice.creates(json!({ "title": title })).await;
    }

    for sort in ["title", "-title"] {
        let pages = walk(&alice, &list(&[("sort", sort), ("limit", "5")])).await;
        let pages: Vec<_> = pages.iter().map(Answer::json).collect();
        let tasks = pages.iter().flat_map(|page| page.as_array().expect("a list"));
        let mut titles: Vec<_> = tasks.map(|task| task["title"].as_str().expect("a title")).collect();
        if sort == "-title" {
            titles.reverse();
        }
        assert_eq!(titles, ORDERED, "{sort}");
    }
}

#[tokio::test]
async fn titles_are_sorted_by_code_points() {
    let world = World::shared().await;

    titles_are_ordered_by_code_points(&world).await;
}

/// A move to another database provider must not change the order of a list.
#[tokio::test]
async fn titles_are_sorted_by_code_points_whatever_the_collation_of_the_database() {
    let database = Database::of_language("en-US").await;
    let order: String = database
        .superuser()
        .await
        .query_one("select string_agg(title, '' order by title) from unnest('{b,B,a}'::text[]) title", &[])
        .await
        .expect("an order")
        .get(0);
    assert_eq!(order, "abB", "the database has another order than code points");
    rowkeep::schema::migrate(&database.address("postgres"), false).await.expect("a migrated database");

    titles_are_ordered_by_code_points(&World::on(database, &[]).await).await;
}

#[tokio::test]
async fn a_changed_task_is_the_last_by_updated_at() {
    let world = World::shared().await;
    let alice = world.user("alice");
    let mut order = Vec::new();
    for title in ["first", "second", "third"] {
        order.push(id(&alice.creates(json!({ "title": title })).await));
    }
    let path = |id: i64| format!("/api/v1/tasks/{id}");

    for (number, changes) in [(0, true), (1, true), (0, false), (1, true)] {
        let moved = order[number];
        if changes {
            alice.call(http::Method::PATCH, &format!("{}/toggle", path(moved))).await;
            order.remove(number);
            order.push(moved);
        } else {
            let task = alice.reads(&json!(moved)).await;
            alice.put(&path(moved), json!({ "title": task["title"] })).await;
        }

        assert_eq!(alice.get("/api/v1/tasks?sort=updated_at").await.ids(), order);
        let reversed: Vec<_> = order.iter().rev().copied().collect();
        assert_eq!(alice.get("/api/v1/tasks?sort=-updated_at").await.ids(), reversed);
    }
}
