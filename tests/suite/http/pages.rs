//! Pages of a list, and the `Link` from one to the next.

use http::Method;
use serde_json::json;

use super::contracts::encoded;
use super::links::{cursor, id, ids, list, next, parameters, walk};
use crate::world::{Person, World};

/// Creates tasks with these titles, and returns their ids, newest first.
async fn creates(person: &Person, titles: &[&str]) -> Vec<i64> {
    let mut ids = Vec::new();
    for title in titles {
        ids.insert(0, id(&person.creates(json!({ "title": title })).await));
    }
    ids
}

#[tokio::test]
async fn following_the_links_gives_every_task_once() {
    let world = World::shared().await;
    let alice = world.user("alice");
    let all = creates(&alice, &["task"; 6]).await;

    for (limit, pages) in [(1, 6), (2, 3), (3, 2), (4, 2), (5, 2), (6, 1), (7, 1), (1000, 1)] {
        let walked = walk(&alice, &format!("/api/v1/tasks?limit={limit}")).await;

        assert_eq!(ids(&walked), all, "limit {limit}");
        assert_eq!(walked.len(), pages, "limit {limit}: the last page has no Link, also when it is full");
    }
}

#[tokio::test]
async fn a_complete_or_empty_page_has_no_link() {
    let world = World::shared().await;
    let alice = world.user("alice");

    assert_eq!(next(&alice.get("/api/v1/tasks").await), None, "there is nothing");
    creates(&alice, &["task", "task"]).await;
    for query in ["", "?limit=2", "?offset=1&limit=1", "?offset=2", "?offset=3&limit=1", "?q=none&limit=1"] {
        assert_eq!(next(&alice.get(&format!("/api/v1/tasks{query}")).await), None, "{query}");
    }
}

#[tokio::test]
async fn a_page_has_a_hundred_tasks_by_default() {
    let world = World::shared().await;
    let alice = world.user("alice");
    let superuser = world.database.superuser().await;
    let insert =
        "insert into app.tasks (user_id, title) select 'alice', 'task' from generate_series(1, 1050)";
    superuser.batch_execute(insert).await.expect("tasks");
    let all = alice.get("/api/tasks").await.ids();

    for (query, lengths) in [
        ("", [vec![100; 10], vec![50]].concat()),
        ("?limit=1000", vec![1000, 50]),
        ("?limit=350", vec![350, 350, 350]),
        ("?offset=1000", vec![50]),
    ] {
        let pages = walk(&alice, &format!("/api/v1/tasks{query}")).await;

        let wanted = &all[all.len() - lengths.iter().sum::<usize>()..];
        assert_eq!(ids(&pages), wanted, "{query}");
        assert_eq!(pages.iter().map(|page| page.ids().len()).collect::<Vec<_>>(), lengths, "{query}");
    }
}

#[tokio::test]
async fn a_link_is_a_relative_reference_with_the_parameters_of_the_list() {
    let world = World::shared().await;
    let alice = world.user("alice");
    creates(&alice, &["milk", "milk and butter", "milk"]).await;
    let requested = [
        ("limit", "1"),
        ("status", "pending"),
        ("completed", "false"),
        ("sort", "-title"),
        ("q", "MILK"),
        ("count", "true"),
    ];
    let others = "&Page=7&Limit=3&offset=1&user_id=bob";

    let mut path = format!("{}{others}", list(&requested));
    for left in [1, 0] {
        let page = alice.get(&path).await;
        if left == 0 {
            assert_eq!(next(&page), None, "{page:?}");
            break;
        }
        path = next(&page).expect("a Link");

        assert!(path.starts_with("/api/v1/tasks?"), "{path}");
        assert!(page.header("link").is_ascii());
        let mut parameters = parameters(&path);
        assert!(parameters.remove("cursor").is_some_and(|cursor| !cursor.is_empty()), "{path}");
        let requested =
            requested.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        assert_eq!(parameters, requested, "the parameters of the request and no others: {path}");
    }
}

#[tokio::test]
async fn a_link_has_only_parameters_of_the_request() {
    let world = World::shared().await;
    let alice = world.user("alice");
    creates(&alice, &["milk"; 101]).await;

    let next = next(&alice.get("/api/v1/tasks").await).expect("a Link");

    assert_eq!(parameters(&next).into_keys().collect::<Vec<_>>(), ["cursor"]);
}

/// The text is encoded for a query string, an address and a header, and each has special characters of its own.
#[tokio::test]
async fn links_preserve_any_search_text() {
    let world = World::shared().await;
    let alice = world.user("alice");
    let texts = [
        "a&b=c",
        "%",
        "%41",
        "+",
        " ",
        "a b",
        "a+b",
        "Ж",
        "ä",
        "😀",
        "<",
        ">",
        "\"",
        "'",
        ";",
        ",",
        "#",
        "?",
        "/",
        "\\",
        "=",
        "&",
        "\u{7f}",
        "\t",
        "\r\n",
        "o\u{308}",
        "\u{202e}",
        ">; rel=\"prev\"",
        "cursor=x",
    ];

    for text in texts {
        let title = format!("<{text}>");
        let all = creates(&alice, &[&title, &title, &title]).await;

        let pages = walk(&alice, &list(&[("q", &title), ("limit", "1")])).await;

        assert_eq!(ids(&pages), all, "{text:?}");
        let address = next(&pages[0]).expect("a Link");
        assert_eq!(parameters(&address).get("q"), Some(&title), "{text:?}: {address}");
    }
}

#[tokio::test]
async fn links_preserve_the_longest_search_text_and_title() {
    let world = World::shared().await;
    let alice = world.user("alice");
    // Each character has four bytes and takes twelve in an address. JSON writes a control character in six bytes.
    for (title, description) in
        [("😀".repeat(200), "😀".repeat(1000)), ("\u{1}".repeat(200), "\u{1}".repeat(1000))]
    {
        let mut all = Vec::new();
        for _ in 0..3 {
            let task = json!({ "title": title, "description": description });
            all.push(id(&alice.creates(task).await));
        }

        let path = list(&[("q", &description), ("sort", "title"), ("limit", "1")]);
        let pages = walk(&alice, &path).await;

        assert_eq!(ids(&pages), all);
    }
}

#[tokio::test]
async fn a_trailing_slash_and_head_give_the_same_link() {
    let world = World::shared().await;
    let alice = world.user("alice");
    creates(&alice, &["milk"; 3]).await;
    let query = "?limit=2&sort=title&q=milk&count=true";
    let page = alice.get(&format!("/api/v1/tasks{query}")).await;
    assert!(next(&page).is_some());

    let slash = alice.get(&format!("/api/v1/tasks/{query}")).await;
    assert_eq!(slash.clone().without_date(), page.clone().without_date());

    for path in ["/api/v1/tasks", "/api/v1/tasks/"] {
        let head = alice.call(Method::HEAD, &format!("{path}{query}")).await;

        assert_eq!((head.status(), &head.body[..]), (200, &b""[..]), "{path}");
        for name in ["link", "x-total-count", "content-type"] {
            assert_eq!(head.header(name), page.header(name), "{path}: {name}");
        }
    }
}

#[tokio::test]
async fn a_page_at_an_offset_links_to_the_next_by_cursor() {
    let world = World::shared().await;
    let alice = world.user("alice");
    let all = creates(&alice, &["task"; 7]).await;

    for offset in [0, 1, 3, 6] {
        let pages = walk(&alice, &format!("/api/v1/tasks?offset={offset}&limit=2")).await;

        assert_eq!(ids(&pages), all[offset..], "offset {offset}");
        for page in &pages[..pages.len() - 1] {
            let parameters = parameters(&next(page).expect("a Link"));
            assert_eq!(parameters.into_keys().collect::<Vec<_>>(), ["cursor", "limit"], "offset {offset}");
        }
    }
}

#[tokio::test]
async fn a_numbered_page_links_to_the_next_by_cursor() {
    let world = World::shared().await;
    let alice = world.user("alice");
    let all = creates(&alice, &["task"; 7]).await;

    for (query, skipped) in [("page=1&size=2", 0), ("page=2&per_page=2", 2), ("page=4&page_size=2", 6)] {
        let pages = walk(&alice, &format!("/api/v1/tasks?{query}&search=TASK")).await;

        assert_eq!(ids(&pages), all[skipped..], "{query}");
        for page in &pages[..pages.len() - 1] {
            let parameters = parameters(&next(page).expect("a Link"));
            assert_eq!(parameters.into_keys().collect::<Vec<_>>(), ["cursor", "limit", "q"], "{query}");
        }
    }
}

#[tokio::test]
async fn the_limit_may_change_from_page_to_page() {
    let world = World::shared().await;
    let alice = world.user("alice");
    let all = creates(&alice, &["task"; 7]).await;
    let first = alice.get("/api/v1/tasks?limit=1").await;

    let second = alice.get(&format!("/api/v1/tasks?limit=4&cursor={}", cursor(&first))).await;
    let rest = alice.get(&format!("/api/v1/tasks?count=true&cursor={}", cursor(&second))).await;

    assert_eq!(ids(&[first, second, rest.clone()]), all);
    assert_eq!((next(&rest), rest.header("x-total-count")), (None, "7"));
}

#[tokio::test]
async fn a_cursor_can_be_used_repeatedly() {
    let world = World::shared().await;
    let alice = world.user("alice");
    let all = creates(&alice, &["task"; 4]).await;
    let path = next(&alice.get("/api/v1/tasks?limit=2").await).expect("a Link");

    for _ in 0..3 {
        assert_eq!(alice.get(&path).await.ids(), all[2..]);
    }
}

#[tokio::test]
async fn whole_lists_have_no_link() {
    let world = World::shared().await;
    let alice = world.user("alice");
    creates(&alice, &["task"; 3]).await;

    for path in ["/api/tasks", "/api/alice/tasks"] {
        let query = format!("?limit=1&count=true&q={}&sort=title&cursor=x", encoded("none"));
        let answer = alice.get(&format!("{path}{query}")).await;

        assert_eq!((answer.status(), answer.ids().len()), (200, 3), "{path}");
        assert_eq!((answer.header("link"), answer.header("x-total-count")), ("", ""), "{path}");
    }
}
