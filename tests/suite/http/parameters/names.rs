//! The names of query parameters: those of other servers, and those that a list does not know.

use serde_json::{Value, json};

use crate::http::contracts::V1_TASKS;
use crate::http::links::cursor;
use crate::world::World;

#[tokio::test]
async fn the_names_that_other_servers_use_mean_the_same() {
    let world = World::shared().await;
    let alice = world.user("alice");
    for number in 0..7 {
        alice.creates(json!({ "title": format!("task {number}") })).await;
    }

    for (other, own) in [
        ("skip=2", "offset=2"),
        ("size=3", "limit=3"),
        ("per_page=3", "limit=3"),
        ("page_size=3", "limit=3"),
        ("search=TASK%203", "q=task%203"),
        ("page=1", "offset=0"),
        ("page=2", "offset=100"),
        ("page=1&limit=3", "offset=0&limit=3"),
        ("page=2&size=3", "offset=3&limit=3"),
        ("page=3&per_page=3", "offset=6&limit=3"),
        ("page=4&page_size=3", "offset=9&limit=3"),
        ("page=02&limit=003", "offset=3&limit=3"),
        ("page=11&limit=1000", "offset=10000&limit=1000"),
        (
            "skip=1&size=2&search=task&completed=false&count=true",
            "offset=1&limit=2&q=task&completed=false&count=true",
        ),
    ] {
        let wanted = alice.get(&format!("/api/v1/tasks?{own}")).await;
        assert_eq!(wanted.status(), 200, "{own}: {wanted:?}");

        let answer = alice.get(&format!("/api/v1/tasks?{other}")).await;

        assert_eq!(answer.without_date(), wanted.without_date(), "{other}");
    }
}

#[tokio::test]
async fn two_names_of_one_parameter_must_agree() {
    let world = World::shared().await;
    let alice = world.user("alice");
    alice.creates(json!({ "title": "buy milk" })).await;

    for query in [
        "limit=5&size=5&per_page=05&page_size=5",
        "offset=0&skip=0&page=1",
        "page=3&limit=5&skip=10",
        "q=milk&search=milk",
    ] {
        assert_eq!(alice.get(&format!("/api/v1/tasks?{query}")).await.status(), 200, "{query}");
    }
    for (query, names) in [
        ("limit=5&size=6", "limit and size"),
        ("per_page=5&page_size=6", "per_page and page_size"),
        ("size=6&x=1&limit=5", "limit and size"),
        ("offset=0&skip=1", "offset and skip"),
        ("page=2&offset=0", "offset and page"),
        ("page=3&limit=5&skip=5", "skip and page"),
        ("q=milk&search=Milk", "q and search"),
        ("q=&search=milk", "q and search"),
    ] {
        let answer = alice.get(&format!("/api/v1/tasks?{query}")).await;

        V1_TASKS.refuses(&answer, 422, query);
        assert!(answer.detail().starts_with(&format!("{names} contradict")), "{query}: {answer:?}");
    }
}

#[tokio::test]
async fn an_offset_under_any_name_excludes_a_cursor() {
    let world = World::shared().await;
    let alice = world.user("alice");
    for _ in 0..2 {
        alice.creates(json!({ "title": "buy milk" })).await;
    }
    let cursor = cursor(&alice.get("/api/v1/tasks?limit=1").await);

    for name in ["offset", "skip", "page"] {
        let answer = alice.get(&format!("/api/v1/tasks?limit=1&{name}=1&cursor={cursor}")).await;

        V1_TASKS.refuses(&answer, 422, name);
        assert!(answer.detail().starts_with(&format!("cursor and {name} exclude")), "{answer:?}");
    }
}

/// The parameters that a warning in the log names by now, after all requests so far.
async fn warned_of(world: &World) -> Vec<String> {
    world.anonymous().get("/health/last").await;
    world.server.logs(|event| event["url.path"] == "/health/*").await;
    let events = world.server.log().into_iter().filter_map(|line| serde_json::from_str::<Value>(&line).ok());
    let warnings =
        events.filter(|event| event["log.level"] == "warn" && event["rowkeep.parameter"].is_string());
    warnings.map(|event| event["rowkeep.parameter"].as_str().expect("a name").to_owned()).collect()
}

#[tokio::test]
async fn in_development_the_log_names_each_unknown_parameter_once() {
    let world = World::with(&[("ENVIRONMENT", "development")]).await;
    let alice = world.user("alice");
    let long = "x".repeat(20_000);

    for query in ["priority=high&limit=5", "priority=low&due%20date=today", &format!("{long}=1")] {
        assert_eq!(alice.get(&format!("/api/v1/tasks?{query}")).await.status(), 200, "{query}");
    }
    alice.get("/api/tasks?status=all&limit=5").await;
    alice.get("/api/alice/tasks?completed=true&limit=5").await;

    let names = warned_of(&world).await;
    assert_eq!(names, ["priority", "due date", &long[..200], "limit", "completed"]);
    assert!(!world.server.log().iter().any(|line| line.contains("high") || line.contains("today")));
}

#[tokio::test]
async fn in_development_no_known_parameter_is_named_in_the_log() {
    let world = World::with(&[("ENVIRONMENT", "development")]).await;
    let alice = world.user("alice");

    for query in [
        "limit=1&offset=1&status=all&completed=true&sort=id&q=x&count=true",
        "size=1&per_page=1&page_size=1&skip=1&page=2&search=x",
        "cursor=x",
    ] {
        alice.get(&format!("/api/v1/tasks?{query}")).await;
    }
    for list in ["/api/tasks", "/api/alice/tasks"] {
        alice.get(&format!("{list}?status=pending")).await;
    }

    assert!(warned_of(&world).await.is_empty());
}

#[tokio::test]
async fn outside_development_no_unknown_parameter_is_named_in_the_log() {
    let world = World::shared().await;

    world.user("alice").get("/api/v1/tasks?priority=high").await;

    assert!(warned_of(&world).await.is_empty());
}
