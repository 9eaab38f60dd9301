//! Each request takes one round trip to PostgreSQL. The messages are counted, not timed.

use http::Method;
use serde_json::json;

use super::database_proxy::{Message, Proxy};
use crate::http::links::next;
use crate::world::{Database, World};

struct Watched {
    world: World,
    proxy: Proxy,
}

/// A server with one database connection, whose messages are recorded.
async fn watched() -> Watched {
    watched_in("").await
}

async fn watched_in(statements: &str) -> Watched {
    let (database, proxy) = (Database::new().await, Proxy::start().await);
    let url = proxy.url(&database, "rowkeep_login");
    let settings = [
        ("DATABASE_URL", url.as_str()),
        ("DATABASE_POOL_SIZE", "2"),
        ("REQUEST_TIMEOUT", "4"),
        ("DATABASE_STATEMENTS", statements),
    ];
    Watched { world: World::on(database, &settings).await, proxy }
}

/// The text of a file below `sql/`.
fn sql(name: &str) -> String {
    let path = format!("{}/sql/{name}.sql", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).expect("a file")
}

/// Every query of every contract, and the file that it runs. `{id}` is a task that exists.
const REQUESTS: &[(&str, &str, &str, &str)] = &[
    ("GET", "/api/tasks", "", "tasks/list"),
    ("GET", "/api/tasks?status=pending", "", "tasks/list_pending"),
    ("GET", "/api/tasks?status=completed", "", "tasks/list_completed"),
    ("POST", "/api/tasks", r#"{"title":"two"}"#, "tasks/create"),
    ("GET", "/api/tasks/{id}", "", "tasks/read"),
    ("PUT", "/api/tasks/{id}", r#"{"title":"three"}"#, "tasks/edit"),
    ("PATCH", "/api/tasks/{id}", r#"{"title":"four"}"#, "tasks/edit"),
    ("PATCH", "/api/tasks/{id}/complete", r#"{"completed":true}"#, "tasks/edit"),
    ("PATCH", "/api/tasks/{id}/complete", "", "tasks/edit"),
    ("GET", "/api/alice/tasks", "", "tasks/list"),
    ("GET", "/api/alice/tasks?status=pending", "", "tasks/list_pending"),
    ("GET", "/api/alice/tasks?status=completed", "", "tasks/list_completed"),
    ("POST", "/api/alice/tasks", r#"{"title":"two"}"#, "tasks/create"),
    ("GET", "/api/alice/tasks/{id}", "", "tasks/read"),
    ("PUT", "/api/alice/tasks/{id}", r#"{"title":"four"}"#, "tasks/edit"),
    ("PATCH", "/api/alice/tasks/{id}", r#"{"completed":false}"#, "tasks/edit"),
    ("PATCH", "/api/alice/tasks/{id}/complete", "", "tasks/edit"),
    ("POST", "/api/v1/tasks", r#"{"title":"two"}"#, "tasks/create"),
    ("GET", "/api/v1/tasks/{id}", "", "tasks/read"),
    ("PUT", "/api/v1/tasks/{id}", r#"{"title":"five"}"#, "tasks/edit"),
    ("PATCH", "/api/v1/tasks/{id}", r#"{"description":null}"#, "tasks/edit"),
    ("PATCH", "/api/v1/tasks/{id}/toggle", "", "tasks/edit"),
    ("DELETE", "/api/v1/tasks/{id}", "", "tasks/delete"),
];

/// The parameters of each page query, the file of that query, and the file of the query that counts its list.
const PAGES: &[(&str, &str, &str)] = &[
    ("", "tasks/list", "tasks/count"),
    ("status=pending", "tasks/list_pending", "tasks/count_pending"),
    ("completed=true", "tasks/list_completed", "tasks/count_completed"),
    ("sort=-id&offset=1", "tasks/list", "tasks/count"),
    ("sort=created_at", "tasks/list_oldest", "tasks/count"),
    ("sort=id&completed=false", "tasks/list_oldest_pending", "tasks/count_pending"),
    ("sort=id&status=completed", "tasks/list_oldest_completed", "tasks/count_completed"),
    ("sort=title", "tasks/list_by_title", "tasks/count"),
    ("sort=title&status=pending", "tasks/list_by_title", "tasks/count_pending"),
    ("sort=-title&q=", "tasks/list_by_title_descending", "tasks/count"),
    ("sort=-title&q=two", "tasks/list_by_title_descending", "tasks/count_found"),
    ("sort=updated_at", "tasks/list_by_updated_at", "tasks/count"),
    ("sort=-updated_at&status=completed", "tasks/list_by_updated_at_descending", "tasks/count_completed"),
    ("q=two", "tasks/search", "tasks/count_found"),
    ("q=two&status=pending", "tasks/search", "tasks/count_found"),
    ("q=two&sort=id", "tasks/search_oldest", "tasks/count_found"),
];

#[tokio::test]
async fn every_request_is_answered_though_postgresql_answers_only_after_the_last_sync() {
    let Watched { world, proxy } = watched().await;
    let alice = world.user("alice");
    let id = alice.creates(json!({ "title": "one" })).await["id"].to_string();

    for (method, path, body, query) in REQUESTS {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        proxy.withhold_answers_until(if method == Method::GET { 1 } else { 2 });

        let answer = alice.send(method.clone(), &path.replace("{id}", &id), *body).await;

        assert!(answer.status.is_success(), "{method} {path}: {answer:?}");
        let begin = if method == Method::GET { "session/begin_read" } else { "session/begin" };
        assert_eq!(proxy.messages(), transaction(begin, &[query]), "{method} {path}");
    }
}

/// Each statement is parsed in the transaction, after the settings of the transaction: an empty search path among them.
#[tokio::test]
async fn unnamed_statements_are_one_round_trip_and_follow_the_settings_of_the_transaction() {
    let Watched { world, proxy } = watched_in("unnamed").await;
    let alice = world.user("alice");
    let id = alice.creates(json!({ "title": "one" })).await["id"].to_string();

    for (method, path, body, query) in REQUESTS {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        proxy.withhold_answers_until(if method == Method::GET { 1 } else { 2 });

        let answer = alice.send(method.clone(), &path.replace("{id}", &id), *body).await;

        assert!(answer.status.is_success(), "{method} {path}: {answer:?}");
        let begin = if method == Method::GET { "session/begin_read" } else { "session/begin" };
        let (parsed, rest): (Vec<_>, Vec<_>) =
            proxy.messages().into_iter().partition(|message| message.kind == 'P');
        let syncs = rest.iter().filter(|message| message.kind == 'S').count();
        assert_eq!(syncs, if method == Method::GET { 1 } else { 2 }, "{method} {path}");
        let wanted = [begin, "session/settings", "session/identify", query, "session/commit"].map(sql);
        assert_eq!(
            parsed.into_iter().map(|message| message.sql).collect::<Vec<_>>(),
            wanted,
            "{method} {path}"
        );
    }
}

/// A page is four statements, and five with a count. The next page is like the first.
#[tokio::test]
async fn a_page_and_its_count_are_one_round_trip() {
    let Watched { world, proxy } = watched().await;
    let alice = world.user("alice");
    for completed in [false, true].repeat(3) {
        let id = alice.creates(json!({ "title": "one", "description": "two" })).await["id"].clone();
        alice.patch(&format!("/api/tasks/{id}/complete"), json!({ "completed": completed })).await;
    }

    for (parameters, page, count) in PAGES {
        for (counted, queries) in [("", &[*page][..]), ("&count=true", &[*page, *count])] {
            let mut path = format!("/api/v1/tasks?limit=1&{parameters}{counted}");
            for _ in 0..2 {
                proxy.withhold_answers_until(1);

                let answer = alice.get(&path).await;

                assert_eq!((answer.status(), answer.ids().len()), (200, 1), "{path}: {answer:?}");
                let begin = if counted.is_empty() { "session/begin_read" } else { "session/begin_snapshot" };
                assert_eq!(proxy.messages(), transaction(begin, queries), "{path}");
                path = next(&answer).expect("a Link");
            }
        }
    }
}

/// So a list of a million tasks holds a database connection for one page at a time only.
#[tokio::test]
async fn a_whole_list_runs_one_transaction_for_each_page() {
    let Watched { world, proxy } = watched().await;
    let alice = world.user("alice");
    let tasks = "insert into app.tasks (user_id, title, completed)
                 select 'alice', 'task', number % 2 = 0 from generate_series(1, 2400) number";
    world.database.superuser().await.batch_execute(tasks).await.expect("tasks");

    for (path, query, length) in [
        ("/api/tasks", "tasks/list", 2400),
        ("/api/tasks?status=completed", "tasks/list_completed", 1200),
        ("/api/alice/tasks", "tasks/list", 2400),
        ("/api/alice/tasks?status=pending", "tasks/list_pending", 1200),
    ] {
        proxy.withhold_answers_until(1);

        let answer = alice.get(path).await;

        assert_eq!(answer.ids().len(), length, "{path}");
        let one = transaction("session/begin_read", &[query]);
        let messages = proxy.messages();
        let transactions: Vec<_> = messages.chunks(one.len()).collect();
        assert!((2..=10).contains(&transactions.len()), "{path}: {} pages", transactions.len());
        for transaction in transactions {
            assert_eq!(transaction, one, "{path}");
        }
    }
}

#[tokio::test]
async fn a_refused_list_request_sends_nothing_to_the_database() {
    let Watched { world, proxy } = watched().await;
    let (anonymous, alice) = (world.anonymous(), world.user("alice"));
    proxy.withhold_answers_until(0);

    for query in
        ["limit=0", "sort=user_id", "count=yes", "completed=1", "status=x", "cursor=x", "offset=1&cursor=x"]
    {
        assert_eq!(anonymous.get(&format!("/api/v1/tasks?{query}")).await.status(), 401, "{query}");
        assert_eq!(alice.get(&format!("/api/v1/tasks?{query}")).await.status(), 422, "{query}");
    }

    assert_eq!(proxy.messages(), []);
}

/// The messages of a transaction with these queries, which are prepared already: Bind and Execute of each statement, and a
/// Sync at the end. A transaction that writes has one more Sync before its COMMIT, since the database may refuse a value.
fn transaction(begin: &str, queries: &[&str]) -> Vec<Message> {
    let nothing = |kind| Message { kind, sql: String::new() };
    let executed = |name: &&str| [Message { kind: 'B', sql: sql(name) }, nothing('E')];

    let mut messages: Vec<_> =
        [&[begin, "session/identify"], queries].concat().iter().flat_map(executed).collect();
    if begin == "session/begin" {
        messages.push(nothing('S'));
    }
    messages.extend(executed(&"session/commit"));
    messages.push(nothing('S'));
    messages
}

#[tokio::test]
async fn a_connection_that_is_used_again_is_not_tested_first() {
    let Watched { world, proxy } = watched().await;
    let (alice, bob) = (world.user("alice"), world.user("bob"));
    proxy.withhold_answers_until(0);

    for _ in 0..3 {
        alice.get("/api/tasks").await;
        bob.get("/api/tasks/7").await;
    }

    let kinds: String = proxy.messages().iter().map(|message| message.kind).collect();
    assert_eq!(kinds, "BEBEBEBES".repeat(6));
}

#[tokio::test]
async fn a_refused_value_costs_no_second_round_trip() {
    let Watched { world, proxy } = watched().await;
    let alice = world.user("alice");
    proxy.withhold_answers_until(2);

    let answer = alice.post("/api/tasks", json!({ "title": " " })).await;

    assert_eq!(answer.status(), 400);
    let kinds: String = proxy.messages().iter().map(|message| message.kind).collect();
    assert_eq!(kinds, "BEBEBESBES");
}

#[tokio::test]
async fn a_request_that_the_server_refuses_sends_nothing_to_the_database() {
    let Watched { world, proxy } = watched().await;
    let (anonymous, alice) = (world.anonymous(), world.user("alice"));
    proxy.withhold_answers_until(0);

    anonymous.get("/api/tasks").await;
    anonymous.post("/api/v1/tasks", json!({ "title": "mine" })).await;
    alice.get("/api/bob/tasks").await;
    alice.get("/api/tasks/abc").await;
    alice.send(Method::POST, "/api/tasks", "{").await;

    assert_eq!(proxy.messages(), []);
}
