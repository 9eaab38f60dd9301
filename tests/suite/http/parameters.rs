//! The query parameters of `/api/v1/tasks` and their values.

mod names;

use serde_json::json;

use super::contracts::{CONTRACTS, V1_TASKS};
use crate::world::World;

#[tokio::test]
async fn a_thousand_parameters_are_read_and_more_are_refused_in_every_contract() {
    let world = World::shared().await;
    let alice = world.user("alice");
    let many = |number: usize| vec!["a"; number - 1].join("&") + "&status=nonsense";
    for contract in CONTRACTS {
        let list = contract.tasks(&alice);

        let read = alice.get(&format!("{list}?{}", many(1000))).await;
        let refused = alice.get(&format!("{list}?{}", many(1001))).await;

        contract.refuses(&read, contract.invalid, "the last of a thousand");
        contract.refuses(&refused, 400, "one more");
        assert!(refused.detail().contains("1000"), "{refused:?}");
    }
}

#[tokio::test]
async fn an_invalid_value_is_refused_and_its_parameter_named() {
    let world = World::shared().await;
    let alice = world.user("alice");
    alice.creates(json!({ "title": "buy milk" })).await;

    for (name, values) in [
        (
            "limit",
            &[
                "0",
                "00",
                "1001",
                "-1",
                "abc",
                "%2B5",
                "+5",
                "5+",
                "1e2",
                "1.0",
                "1,000",
                "0x1",
                "",
                "null",
                "%00",
                "9223372036854775808",
                "99999999999999999999999",
                "%D9%A3",
            ][..],
        ),
        (
            "offset",
            &["10001", "-1", "-0", "abc", "%2B5", "1e2", "", "%20", "1%20", "9223372036854775807", "%D9%A1"],
        ),
        ("skip", &["10001", "-1", "abc", "", "1e2"]),
        ("size", &["0", "1001", "-1", "abc", ""]),
        ("per_page", &["0", "1001", "all"]),
        ("page_size", &["0", "1001", "all"]),
        ("page", &["0", "-1", "abc", "", "102", "1.5", "9223372036854775807", "9223372036854775808"]),
        (
            "sort",
            &[
                "",
                "-",
                "--id",
                "user_id",
                "description",
                "completed",
                "ID",
                "Id",
                "id%20",
                "+id",
                "%2Bid",
                "id,title",
                "id-",
                "id:desc",
                "id%20desc",
                "-user_id",
                "1",
                "title;",
                "%00",
                "created-at",
                "createdAt",
            ],
        ),
        (
            "completed",
            &["1", "0", "True", "TRUE", "yes", "", "null", "tru", "true%20", "all", "pending", "%00"],
        ),
        ("count", &["yes", "1", "True", "", "false%20", "null", "on", "%00"]),
        ("status", &["", "done", "All", "true", "all%20", "%00"]),
    ] {
        for value in values {
            for query in [
                format!("{name}={value}"),
                // Also after valid values, and together with other parameters.
                format!("{name}=1&q=milk&{name}={value}&x=1"),
            ] {
                let answer = alice.get(&format!("/api/v1/tasks?{query}")).await;

                V1_TASKS.refuses(&answer, 422, &query);
                assert!(answer.detail().starts_with(&format!("{name} must be")), "{query}: {answer:?}");
                for header in ["link", "x-total-count"] {
                    assert_eq!(answer.header(header), "", "{query}");
                }
            }
        }
    }
}

#[tokio::test]
async fn status_and_completed_may_be_combined_unless_they_contradict() {
    let world = World::shared().await;
    let alice = world.user("alice");
    alice.creates(json!({ "title": "pending" })).await;
    let done = alice.creates(json!({ "title": "completed" })).await["id"].clone();
    alice.patch(&format!("/api/tasks/{done}/complete"), json!({ "completed": true })).await;

    for (query, wanted) in [
        ("completed=true", &["completed"][..]),
        ("completed=false", &["pending"]),
        ("status=all&completed=true", &["completed"]),
        ("completed=false&status=all", &["pending"]),
        ("status=completed&completed=true", &["completed"]),
        ("status=pending&completed=false", &["pending"]),
        ("completed=false&completed=true", &["completed"]),
        ("status=pending&completed=false&status=all&completed=true", &["completed"]),
        ("status=all", &["completed", "pending"]),
    ] {
        let list = alice.get(&format!("/api/v1/tasks?{query}")).await;

        assert_eq!(list.status(), 200, "{query}");
        let titles: Vec<_> =
            list.json().as_array().expect("a list").iter().map(|task| task["title"].clone()).collect();
        assert_eq!(titles, wanted, "{query}");
    }
    for query in [
        "status=pending&completed=true",
        "completed=false&status=completed",
        "status=completed&completed=false&q=x",
    ] {
        let answer = alice.get(&format!("/api/v1/tasks?{query}")).await;

        V1_TASKS.refuses(&answer, 422, query);
        assert!(answer.detail().contains("status and completed contradict"), "{query}: {answer:?}");
    }
}

#[tokio::test]
async fn values_at_the_limits_are_accepted() {
    let world = World::shared().await;
    let alice = world.user("alice");
    for _ in 0..2 {
        alice.creates(json!({ "title": "buy milk" })).await;
    }

    for (query, wanted) in [
        ("limit=1", 1),
        ("limit=01", 1),
        ("limit=1000", 2),
        ("limit=0001000", 2),
        ("limit=0&limit=1", 1),
        ("offset=0", 2),
        ("offset=1", 1),
        ("offset=10000", 0),
        ("offset=00001", 1),
        ("count=true", 2),
        ("count=yes&count=false", 2),
        ("sort=id&sort=-title", 2),
    ] {
        let answer = alice.get(&format!("/api/v1/tasks?{query}")).await;

        assert_eq!((answer.status(), answer.ids().len()), (200, wanted), "{query}");
    }
}

#[tokio::test]
async fn unknown_parameters_are_ignored() {
    let world = World::shared().await;
    let alice = world.user("alice");
    for title in ["a", "b"] {
        alice.creates(json!({ "title": title })).await;
    }
    let whole = alice.get("/api/v1/tasks").await.without_date();

    for query in [
        "",
        "Limit=1",
        "LIMIT=0",
        "limits=0",
        "Offset=1",
        "Sort=title",
        "order=asc",
        "sort_by=nonsense",
        "sort%20=id",
        "Q=zzz",
        "query=zzz",
        "Count=true",
        "total=true",
        "Cursor=x",
        "after=x",
        "cursor%00=x",
        "Completed=nonsense",
        "done=true",
        "user_id=bob",
        "%ff=1",
        "&&=&%zz",
    ] {
        let answer = alice.get(&format!("/api/v1/tasks?{query}")).await;

        assert_eq!(answer.without_date(), whole, "{query}");
    }
}

#[tokio::test]
async fn the_token_is_checked_before_the_parameters() {
    let world = World::shared().await;
    let anonymous = world.anonymous();
    let plain = anonymous.get("/api/v1/tasks").await;
    V1_TASKS.refuses(&plain, 401, "no token");

    for query in ["limit=0", "sort=user_id", "cursor=x", "q=%00", "count=yes", "offset=1&cursor=x"] {
        let answer = anonymous.get(&format!("/api/v1/tasks?{query}")).await;

        assert_eq!(answer.without_date(), plain.clone().without_date(), "{query}");
    }
}

#[tokio::test]
async fn a_single_task_ignores_the_parameters_of_lists() {
    let world = World::shared().await;
    let alice = world.user("alice");
    let task = alice.creates(json!({ "title": "buy milk" })).await;

    for query in ["limit=0", "sort=user_id", "cursor=x", "q=%00", "count=true", "status=done", "completed=1"]
    {
        let answer = alice.get(&format!("/api/v1/tasks/{}?{query}", task["id"])).await;

        assert_eq!((answer.status(), answer.json()), (200, task.clone()), "{query}");
        assert_eq!((answer.header("link"), answer.header("x-total-count")), ("", ""), "{query}");
    }
}
