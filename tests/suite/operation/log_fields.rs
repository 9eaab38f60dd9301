//! The fields of the log's lines are those of docs/logs.md: in the source, and in the lines of a server.
//!
//! Each line of each server under test is checked as well (`world::log_lines`).

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use rowkeep::refusal::TokenProblem;
use serde_json::{Value, json};

use super::overload::eventually;
use super::raw_client::{RawClient, request};
use crate::documents::markdown::{Page, codes, rows};
use crate::http::routes;
use crate::world::World;
use crate::world::log_lines::{EVENTS, FIELDS, check_json};

/// A call of a macro of `tracing` in the source.
struct Call {
    file: String,
    /// The level; `$log` in a macro that chooses it.
    level: String,
    message: String,
    fields: Vec<String>,
}

/// The calls in all files of `src/`.
fn calls() -> Vec<Call> {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    let mut calls = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).expect("a source file");
                calls.extend(calls_of(&text, &path.display().to_string()));
            }
        }
    }
    assert!(calls.len() > 60, "the source files were not found");
    calls
}

fn calls_of(text: &str, file: &str) -> Vec<Call> {
    let calls = text.split("tracing::").skip(1).filter_map(|rest| {
        let (level, rest) = rest.split_once("!(")?;
        let is_level = ["error", "warn", "info", "debug", "trace", "$log"].contains(&level);
        let (arguments, message) = is_level.then(|| arguments(rest))?;
        // A name is followed by ` = `; those in quotes are words that Rust has.
        let arguments = arguments.split_whitespace().collect::<Vec<_>>().join(" ");
        let fields = arguments.split(" = ").map(|part| {
            let is_of_name = |c: char| c.is_ascii_lowercase() || matches!(c, '.' | '_' | '"');
            let start = part.rfind(|c| !is_of_name(c)).map_or(0, |at| at + 1);
            part[start..].replace('"', "")
        });
        let mut fields: Vec<_> = fields.collect();
        fields.pop();
        Some(Call { file: file.into(), level: level.into(), message, fields })
    });
    calls.collect()
}

/// The arguments up to the closing parenthesis, without what is in quotes, and the last text in quotes.
fn arguments(rest: &str) -> (String, String) {
    let (mut depth, mut outside, mut quoted, mut message) = (1, String::new(), None, String::new());
    let mut characters = rest.chars();
    while let Some(character) = characters.next() {
        match (&mut quoted, character) {
            (None, '"') => quoted = Some(String::new()),
            (None, '(' | '[' | '{') => depth += 1,
            (None, ')' | ']' | '}') => depth -= 1,
            (None, _) => outside.push(character),
            (Some(text), '"') => {
                message.clone_from(text);
                // Names in quotes are names of fields.
                if text.contains('.') && !text.contains(' ') {
                    outside.push_str(text);
                }
                quoted = None;
            }
            (Some(text), '\\') => text.extend(characters.next()),
            (Some(text), _) => text.push(character),
        }
        if depth == 0 {
            break;
        }
    }
    (outside, message)
}

#[test]
fn every_event_of_the_source_is_documented_with_its_level_and_no_other() {
    let mut found = BTreeMap::<String, BTreeSet<String>>::new();
    for call in calls() {
        assert!(!call.message.contains('{'), "{}: the message {:?} differs", call.file, call.message);
        let levels = if call.level == "$log" { EVENTS[&call.message].clone() } else { vec![call.level] };
        found.entry(call.message).or_default().extend(levels);
    }

    let documented =
        EVENTS.iter().map(|(message, levels)| (message.clone(), levels.iter().cloned().collect()));
    assert_eq!(found, documented.collect());
}

#[test]
fn every_field_of_the_source_is_documented_and_no_other() {
    let mut found: BTreeSet<String> = calls().into_iter().flat_map(|call| call.fields).collect();
    // The line itself has these.
    let of_line = [
        "@timestamp",
        "log.level",
        "message",
        "log.logger",
        "service.name",
        "service.version",
        "ecs.version",
    ];
    found.extend(of_line.map(str::to_owned));

    assert_eq!(found, FIELDS.keys().cloned().collect());
}

#[test]
fn every_word_for_a_refusal_is_documented() {
    let table = rows(&Page::read("docs/logs.md").section("Words"));
    let documented: Vec<_> = table.iter().skip(2).flat_map(|row| codes(&row[0])).collect();
    let mut words = TokenProblem::ALL.map(TokenProblem::word).to_vec();
    words.extend(["other_user", "rate_limit_user", "rate_limit_address"]);

    assert_eq!(documented, words);
}

/// Sends requests of every kind to a server, and a client that leaves.
async fn is_used(world: &World) {
    let (alice, superuser) = (world.user("alice"), world.database.superuser().await);
    let task = alice.creates(json!({ "title": "one" })).await;
    for (template, methods) in routes::ROUTES {
        let path = routes::path(template, "alice", &task["id"].to_string());
        for method in ["OPTIONS", "HEAD"].iter().chain(*methods) {
            alice.call(method.parse().expect("a method"), &path).await;
        }
        world.anonymous().get(&path).await;
        world.user("bob").get(&path).await;
    }
    RawClient::sending(world.server.address, "nonsense\r\n\r\n").await.reads_to_the_end().await;
    let page = "GET /live HTTP/1.1\r\nHost: x\r\nOrigin: https://other.example\r\n\r\n";
    RawClient::sending(world.server.address, page).await.reads().await;
    superuser.batch_execute("begin; lock table app.tasks").await.expect("a lock");
    let one = format!("/api/tasks/{}", task["id"]);
    let leaves = request("PUT", &one, "alice", r#"{"title":"two"}"#);
    let leaves = RawClient::sending(world.server.address, leaves).await;
    let blocked = "select from pg_locks join pg_database on pg_database.oid = database
                    where datname = current_database() and not granted";
    eventually("a waiting change", async || !superuser.query(blocked, &[]).await.expect("locks").is_empty())
        .await;
    drop(leaves);
    let left = "the client left before its answer";
    tokio::time::sleep(std::time::Duration::from_millis(200)).await; // the server sees that
    superuser.batch_execute("rollback").await.expect("no lock");
    world.server.logs(|event| event["message"] == left).await;

    let refused = |client: &str| {
        format!(
            "GET /api/tasks HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer x\r\nX-Forwarded-For: {client}\r\n\r\n"
        )
    };
    let mut client = RawClient::open(world.server.address).await;
    for _ in 0..120 {
        client.sends(refused("203.0.113.7")).await;
        client.reads().await;
    }
    client.sends(refused("203.0.113.8")).await;
    client.reads().await;

    superuser
        .batch_execute("alter table app.tasks rename column title to other")
        .await
        .expect("a broken table");
    assert_eq!(alice.get("/api/tasks").await.status(), 500);
}

#[tokio::test]
async fn every_field_about_requests_is_in_some_line_and_every_field_of_a_line_is_documented() {
    let world = World::with(&[
        ("ENVIRONMENT", "development"),
        ("TRUSTED_PROXIES", "127.0.0.1"),
        // Every request has a trace. Nobody has to take it.
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9"),
    ])
    .await;
    world.user("alice").get("/api/tasks?priority=high").await;

    is_used(&world).await;

    let wanted: BTreeSet<_> = FIELDS
        .iter()
        .filter(|(_, field)| {
            ["everything", "a request", "a connection", "a failure"].contains(&&*field.about)
        })
        .map(|(name, _)| name.clone())
        .collect();
    let missing = || {
        let fields =
            world.server.log().iter().flat_map(|line| check_json(line).expect("a good line")).collect();
        wanted.difference(&fields).cloned().collect::<Vec<_>>()
    };
    eventually("every field", async || missing().is_empty()).await;
}

#[tokio::test]
async fn the_lines_of_a_request_have_its_route_and_those_of_a_refusal_say_who_and_why() {
    let world =
        World::with(&[("LOG_LEVEL", "warn,rowkeep::commands=info,rowkeep::http::exchange=info")]).await;
    let of_tasks = routes::ROUTES.iter().filter(|(template, _)| template.starts_with("/api/"));
    for (template, methods) in of_tasks {
        let method = methods[0].parse().expect("a method");
        let answer = world.anonymous().call(method, &routes::path(template, "alice", "7")).await;

        let id = answer.header("x-request-id");
        let line = async |message: &str| {
            let is_it = |event: &Value| event["http.request.id"] == id && event["message"] == message;
            world.server.logs(is_it).await
        };
        let (refused, answered) = (line("refused").await, line("answered").await);
        assert_eq!(refused["http.route"], *template, "{refused}");
        assert_eq!(refused["error.type"], "token_missing", "{refused}");
        assert_eq!(refused["http.response.status_code"], 401, "{refused}");
        assert_eq!(refused["client.address"], "127.0.0.1", "{refused}");
        assert!(refused["event.reason"].is_string() && refused["client.port"].is_u64(), "{refused}");
        assert_eq!(answered["http.route"], *template, "{answered}");
    }

    world.user("bob").get("/api/alice/tasks").await;

    let refused = world.server.logs(|event| event["http.response.status_code"] == 403).await;
    assert_eq!(refused["error.type"], "other_user", "{refused}");
    assert_eq!(refused["http.route"], "/api/{user_id}/tasks", "{refused}");
    assert!(refused["http.request.id"].is_string(), "{refused}");
}

/// `http.route` of a path that no route has is absent.
#[tokio::test]
async fn a_path_of_no_route_has_no_route_in_its_line() {
    let world = World::shared().await;

    for path in ["/nowhere", "/api/alice/tasks/7/8", "/api/v1", "/api//tasks"] {
        let answer = world.anonymous().get(path).await;

        assert_eq!(answer.status(), 404, "{path}");
        let id = answer.header("x-request-id");
        let answered =
            world.server.logs(|event| event["message"] == "answered" && event["http.request.id"] == id).await;
        assert_eq!(answered["http.route"], Value::Null, "{path}: {answered}");
    }
}
