//! `q` finds tasks whose title or description contains a text.

use serde_json::{Value, json};

use super::contracts::{V1_TASKS, encoded};
use super::links::{cursor, list, next};
use crate::world::{Person, World};

async fn creates(person: &Person, tasks: &[(&str, Option<&str>)]) {
    for (title, description) in tasks {
        person.creates(json!({ "title": title, "description": description })).await;
    }
}

/// The titles that a search finds. Asserts that every sort order finds the same.
async fn found(person: &Person, q: &str) -> Vec<String> {
    let mut found = Vec::new();
    for sort in ["id", "-id", "title", "-title", "updated_at", "-updated_at"] {
        let answer = person.get(&list(&[("q", q), ("sort", sort), ("count", "true")])).await;
        assert_eq!(answer.status(), 200, "{q:?}: {answer:?}");
        let tasks = answer.json();
        let titles = tasks.as_array().expect("a list").iter().map(|task| task["title"].clone());
        let mut titles: Vec<_> = titles.map(|title| title.as_str().expect("a title").to_owned()).collect();
        titles.sort();
        assert_eq!(answer.header("x-total-count"), titles.len().to_string(), "{q:?} {sort}");
        if sort != "id" {
            assert_eq!(titles, found, "{q:?} {sort}");
        }
        found = titles;
    }
    found
}

#[tokio::test]
async fn the_search_finds_titles_and_descriptions() {
    let world = World::shared().await;
    let alice = world.user("alice");
    creates(
        &alice,
        &[
            ("buy milk", None),
            ("breakfast", Some("oats, milk")),
            ("milk", Some("milk")),
            ("mil", Some("k")),
            ("tea", Some("")),
            ("m i l k", None),
        ],
    )
    .await;

    for (q, wanted) in [
        ("milk", &["breakfast", "buy milk", "milk"][..]),
        ("buy milk", &["buy milk"]),
        ("buymilk", &[]),
        (" milk", &["breakfast", "buy milk"]),
        ("milk ", &[]),
        ("i", &["breakfast", "buy milk", "m i l k", "mil", "milk"]),
        (", ", &["breakfast"]),
        ("null", &[]),
        ("tea", &["tea"]),
    ] {
        assert_eq!(found(&alice, q).await, wanted, "{q:?}");
    }
}

#[tokio::test]
async fn the_search_ignores_case_in_every_script() {
    let world = World::shared().await;
    let alice = world.user("alice");
    for (upper, lower) in
        [("MILK", "milk"), ("ÄÖÜ", "äöü"), ("ЖУК", "жук"), ("ΛΟΓΟΙ", "λογοι"), ("ÉÅØ", "éåø")]
    {
        creates(
            &alice,
            &[(upper, None), (lower, None), ("described", Some(upper)), ("described", Some(lower))],
        )
        .await;

        let mut wanted = vec![upper, lower, "described", "described"];
        wanted.sort_unstable();
        for q in [upper, lower] {
            assert_eq!(found(&alice, q).await, wanted, "{q}");
        }
        for id in alice.get("/api/v1/tasks").await.ids() {
            alice.delete(&format!("/api/v1/tasks/{id}")).await;
        }
    }
}

#[tokio::test]
async fn the_search_takes_pattern_characters_literally() {
    let world = World::shared().await;
    let alice = world.user("alice");
    let special =
        ["%", "_", "\\", "*", "?", ".", "^", "$", "[a-z]", "(", "|", "+", "'", "\"", "''", ";", "--", "\\%"];
    let titles: Vec<_> = special.iter().map(|text| format!("x{text}y")).collect();
    let all: Vec<_> = titles.iter().map(|title| (title.as_str(), None)).collect();
    creates(&alice, &all).await;
    creates(&alice, &[("xay", None), ("xy", None)]).await;

    for text in special {
        let mut wanted: Vec<_> = titles.iter().filter(|title| title.contains(text)).cloned().collect();
        wanted.sort();
        assert_eq!(found(&alice, text).await, wanted, "{text}");
        assert_eq!(found(&alice, &format!("X{text}Y")).await, [format!("x{text}y")], "{text}");
    }
    for nothing in
        ["x%y%", "x__y", "\\\\", "a%", "$1", "x'||'y", "' or true --", "'; drop table app.tasks --"]
    {
        assert_eq!(found(&alice, nothing).await, [""; 0], "{nothing}");
    }
    assert_eq!(alice.get("/api/tasks").await.ids().len(), special.len() + 2);
}

#[tokio::test]
async fn an_empty_search_text_does_not_filter() {
    let world = World::shared().await;
    let alice = world.user("alice");
    creates(&alice, &[("milk", None), ("tea", Some("")), ("oats", Some("milk"))]).await;
    let whole = alice.get("/api/v1/tasks").await;

    for query in ["q=", "q", "q=milk&q=", "q=&sort=-id", "q=&status=all"] {
        let answer = alice.get(&format!("/api/v1/tasks?{query}")).await;

        assert_eq!((answer.status(), &answer.body), (200, &whole.body), "{query}");
    }
    for sort in ["title", "-title", "updated_at", "-updated_at"] {
        assert_eq!(alice.get(&list(&[("q", ""), ("sort", sort)])).await.ids().len(), 3, "{sort}");
    }
}

#[tokio::test]
async fn the_last_search_text_counts_and_keeps_its_blanks() {
    let world = World::shared().await;
    let alice = world.user("alice");
    creates(&alice, &[("buy milk", None), ("buymilk", None), ("100% done", None)]).await;

    for (query, wanted) in [
        ("q=none&q=milk", 2),
        ("q=milk&q=none", 0),
        ("q=buy+milk", 1),
        ("q=buy%20milk", 1),
        ("q=%6Dilk", 2),
        ("%71=milk", 2),
        ("Q=none", 3),
        // A backslash is an ordinary character.
        ("q=%", 1),
        ("q=0%+d", 1),
        ("q=%zz", 0),
    ] {
        let answer = alice.get(&format!("/api/v1/tasks?{query}")).await;

        assert_eq!((answer.status(), answer.ids().len()), (200, wanted), "{query}");
    }
}

/// Bytes that are not UTF-8 are decoded to the replacement character, as the WHATWG URL standard says.
#[tokio::test]
async fn a_search_text_that_no_task_can_contain_finds_nothing() {
    let world = World::shared().await;
    let alice = world.user("alice");
    creates(&alice, &[("milk", None), ("x", Some("x"))]).await;

    let long = format!("/api/v1/tasks?count=true&q={}", "x".repeat(20_000));
    let longer = format!("/api/v1/tasks?count=true&q={}", encoded(&"Ж".repeat(5_000)));
    for path in [&long, &longer, "/api/v1/tasks?count=true&q=%ff", "/api/v1/tasks?count=true&q=%ed%a0%80"] {
        let answer = alice.get(path).await;

        assert_eq!((answer.status(), &answer.body[..]), (200, &b"[]"[..]), "{path}");
        assert_eq!((answer.header("x-total-count"), next(&answer)), ("0", None), "{path}");
    }
}

#[tokio::test]
async fn a_search_text_with_u0000_is_refused() {
    let world = World::shared().await;
    let alice = world.user("alice");
    creates(&alice, &[("milk", None)]).await;

    for q in ["%00", "milk%00", "%00milk", "mi%00lk"] {
        for also in ["", "&sort=id", "&sort=title", "&sort=-title", "&sort=updated_at", "&sort=-updated_at"] {
            for count in ["", "&count=true"] {
                let query = format!("q={q}{also}{count}");
                let answer = alice.get(&format!("/api/v1/tasks?{query}")).await;

                V1_TASKS.refuses(&answer, 422, query);
            }
        }
    }
    assert_eq!(alice.get("/api/v1/tasks?q=milk").await.ids().len(), 1);
}

#[tokio::test]
async fn whole_lists_are_not_searched() {
    let world = World::shared().await;
    let alice = world.user("alice");
    creates(&alice, &[("milk", None)]).await;

    for path in ["/api/tasks?q=none", "/api/alice/tasks?q=none", "/api/tasks?q=%00"] {
        let answer = alice.get(path).await;

        assert_eq!((answer.status(), answer.json().as_array().map(Vec::len)), (200, Some(1)), "{path}");
        assert_eq!(answer.json()[0]["description"], Value::Null);
    }
}

/// A search text may be as private as a task.
#[tokio::test]
async fn neither_the_search_text_nor_the_cursor_is_logged() {
    let world = World::new().await;
    let alice = world.user("alice");
    creates(&alice, &[("what alice seeks", None), ("what alice seeks", None)]).await;

    let first = alice.get("/api/v1/tasks?q=alice+seeks&limit=1&sort=title&count=true").await;
    let address = next(&first).expect("a Link");
    alice.get(&address).await;
    alice.get(&format!("{address}bent")).await;
    alice.get("/api/v1/tasks?q=alice+seeks%00").await;
    alice.get("/api/v1/tasks/7?q=alice+seeks").await;
    world
        .server
        .logs(|event| event["message"] == "answered" && event["http.response.status_code"] == 404)
        .await;

    let log = world.server.log().join("\n");
    assert!(log.contains("tasks/count_found"), "the log names the queries: {log}");
    let cursor = cursor(&first);
    for secret in ["seeks", &cursor, &cursor[..cursor.len() / 2], "limit="] {
        assert!(!log.contains(secret), "{secret} in {log}");
    }
}
