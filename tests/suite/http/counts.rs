//! `count=true` adds the number of tasks in the whole list.

use http::{HeaderValue, Method};
use serde_json::json;

use super::links::{next, walk};
use crate::world::{Person, World, send};

/// Alice has six tasks. Two are completed; three contain `milk`, and one of those is completed. Bob has more of each kind.
async fn world() -> (World, Person) {
    let world = World::new().await;
    let (alice, bob) = (world.user("alice"), world.user("bob"));
    for person in [&bob, &alice, &bob] {
        for (title, description, completed) in [
            ("milk", json!(null), false),
            ("Milk", json!("two litres"), true),
            ("tea", json!("with milk"), false),
            ("oats", json!(""), true),
            ("bread", json!(null), false),
            ("butter", json!(null), false),
        ] {
            let task = person.creates(json!({ "title": title, "description": description })).await;
            if completed {
                let path = format!("/api/tasks/{}/complete", task["id"]);
                person.patch(&path, json!({ "completed": true })).await;
            }
        }
    }
    (world, alice)
}

#[tokio::test]
async fn the_count_is_that_of_the_whole_list_and_not_of_the_page() {
    let (_world, alice) = world().await;

    for (list, wanted) in [
        ("", "6"),
        ("&status=all", "6"),
        ("&status=pending", "4"),
        ("&status=completed", "2"),
        ("&completed=false", "4"),
        ("&completed=true", "2"),
        ("&q=milk", "3"),
        ("&q=milk&status=pending", "2"),
        ("&q=milk&status=completed", "1"),
        ("&q=LITRES", "1"),
        ("&q=nothing", "0"),
        ("&q=", "6"),
        ("&q=&status=completed", "2"),
    ] {
        for page in ["", "&limit=1", "&limit=1000", "&offset=1", "&offset=100", "&limit=2&sort=title"] {
            for sort in ["", "&sort=id", "&sort=-updated_at", "&sort=title"] {
                if page.contains("sort") && !sort.is_empty() {
                    continue;
                }
                let query = format!("?count=true{list}{page}{sort}");
                let answer = alice.get(&format!("/api/v1/tasks{query}")).await;

                assert_eq!(answer.status(), 200, "{query}: {answer:?}");
                assert_eq!(answer.header("x-total-count"), wanted, "{query}");
            }
        }
    }
}

#[tokio::test]
async fn every_following_page_has_the_count() {
    let (_world, alice) = world().await;

    for (query, wanted) in [("", "6"), ("&status=pending", "4"), ("&q=milk&sort=title", "3")] {
        let pages = walk(&alice, &format!("/api/v1/tasks?count=true&limit=1{query}")).await;

        assert_eq!(pages.len().to_string(), wanted, "{query}");
        assert!(pages.iter().all(|page| page.header("x-total-count") == wanted), "{query}: {pages:?}");
    }
}

#[tokio::test]
async fn a_page_has_no_count_unless_it_is_requested() {
    let (_world, alice) = world().await;

    for query in ["", "?count=false", "?count=true&count=false", "?Count=true", "?q=milk"] {
        let answer = alice.get(&format!("/api/v1/tasks{query}")).await;

        assert_eq!(answer.status(), 200, "{query}");
        assert!(!answer.headers.contains_key("x-total-count"), "{query}");
    }
}

#[tokio::test]
async fn the_count_of_an_empty_list_is_zero() {
    let (world, _) = world().await;
    let carol = world.user("carol");

    for query in ["", "&status=pending", "&status=completed", "&q=milk", "&sort=title"] {
        let answer = carol.get(&format!("/api/v1/tasks?count=true{query}")).await;

        assert_eq!((&answer.body[..], answer.header("x-total-count")), (&b"[]"[..], "0"), "{query}");
    }
}

#[tokio::test]
async fn a_listed_origin_may_read_the_count_and_the_link() {
    let (_world, alice) = world().await;

    for method in [Method::GET, Method::HEAD] {
        let mut request = alice.request(method.clone(), "/api/v1/tasks?limit=1&count=true", "");
        request.headers_mut().insert("origin", HeaderValue::from_static("http://localhost:3000"));
        let answer = send(alice.address, request).await;

        let exposed = answer.header("access-control-expose-headers").to_ascii_lowercase();
        let exposed: Vec<_> = exposed.split(',').map(str::trim).collect();
        assert!(exposed.contains(&"link") && exposed.contains(&"x-total-count"), "{method}: {exposed:?}");
        assert_eq!(answer.header("x-total-count"), "6", "{method}");
        assert!(next(&answer).is_some(), "{method}");
    }
}

/// The length is that of the list at the moment of the page, however fast others change it.
#[tokio::test]
async fn a_page_and_its_count_are_of_the_same_moment() {
    let world = World::shared().await;
    let alice = world.user("alice");
    let done = std::sync::atomic::AtomicBool::new(false);

    let changes = async {
        for _ in 0..150 {
            let task = alice.creates(json!({ "title": "one" })).await;
            alice.delete(&format!("/api/tasks/{}", task["id"])).await;
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
    };
    let lists = async {
        let mut seen = Vec::new();
        while !done.load(std::sync::atomic::Ordering::Relaxed) {
            let answer = alice.get("/api/v1/tasks?count=true").await;
            let count: usize =
                answer.headers["x-total-count"].to_str().expect("text").parse().expect("a number");
            seen.push((answer.ids().len(), count));
        }
        seen
    };
    let ((), seen) = tokio::join!(changes, lists);

    assert!(seen.iter().any(|(_, count)| *count == 0) && seen.iter().any(|(_, count)| *count == 1));
    assert!(seen.iter().all(|(listed, count)| listed == count), "{seen:?}");
}
