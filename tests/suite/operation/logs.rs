//! What the log has, and what it never has.

use http::Method;
use serde_json::{Value, json};

use super::overload::eventually;
use super::raw_client::RawClient;
use crate::world::{Person, SECRET, World, listening_in_text, token};

const USER: &str = "marker-user@mail.example";
const OTHER: &str = "marker-other@mail.example";
const TITLE: &str = "marker-title";
const DESCRIPTION: &str = "marker-description";

/// Sends the markers in every way that a client can: accepted, refused by the server, refused by the database.
async fn sends_every_marker(world: &World) {
    let alice = world.user(USER);
    let body = json!({ "title": TITLE, "description": DESCRIPTION });
    let id = alice.creates(body.clone()).await["id"].to_string();
    let own = format!("/api/{}/tasks", USER.replace('@', "%40"));
    let one = format!("{own}/{id}");

    for path in [&own, "/api/tasks", "/api/v1/tasks"] {
        alice.get(path).await;
        alice.get(&format!("{path}/{id}")).await;
        alice.put(&format!("{path}/{id}"), body.clone()).await;
        alice.get(&format!("{path}?status={TITLE}&q={DESCRIPTION}")).await;
        let bodies = [
            json!({ "title": TITLE.repeat(30) }),
            json!({ "title": TITLE, "description": DESCRIPTION.repeat(100) }),
            json!({ "title": format!("{TITLE}\0") }),
            json!({ "title": [TITLE] }),
            json!([TITLE]),
        ];
        for body in bodies {
            alice.post(path, body.clone()).await;
            alice.put(&format!("{path}/{id}"), body).await;
        }
        alice.send(Method::POST, path, format!("{{\"title\": \"{TITLE}\", {DESCRIPTION}")).await;
    }
    for path in
        [&own, &one, &format!("{one}/complete"), &format!("{own}/{id}/nothing"), &format!("/api/{USER}")]
    {
        alice.patch(path, json!({ "completed": TITLE })).await;
        world.user(OTHER).get(path).await;
        world.anonymous().get(path).await;
        Person::with_token(world.server.address, Some("marker-token")).get(path).await;
        let forged = format!("{}marker-token", token(USER));
        Person::with_token(world.server.address, Some(&forged)).get(path).await;
    }
    alice.delete(&one).await;
}

/// Sends the markers in requests that the database fails at.
async fn sends_markers_to_a_broken_database(world: &World) {
    let superuser = world.database.superuser().await;
    superuser
        .batch_execute("alter table app.tasks rename column description to other")
        .await
        .expect("a broken table");
    let alice = world.user(USER);
    assert_eq!(alice.post("/api/tasks", json!({ "title": TITLE })).await.status(), 500);
    assert_eq!(alice.get("/api/tasks").await.status(), 500);
}

#[tokio::test]
async fn no_title_description_user_token_or_secret_is_logged_at_any_level() {
    let world = World::with(&[("LOG_LEVEL", "trace")]).await;

    sends_every_marker(&world).await;
    sends_markers_to_a_broken_database(&world).await;

    world.server.logs(|event| event["message"] == "a fault of the server").await;
    let log = world.server.log().join("\n");
    let token = token(USER);
    let (_, signature) = token.rsplit_once('.').expect("a token");
    for secret in ["marker", "mail.example", SECRET, signature, "eyJ", "it's a"] {
        assert!(!log.contains(secret), "{secret} in\n{log}");
    }
}

#[tokio::test]
async fn the_text_format_of_the_log_holds_no_secret_either() {
    let world = World::with(&[("LOG_LEVEL", "trace")]).await;
    let url = world.database.url("rowkeep_login");
    let program = super::program::Program::new(&[]).with(&[
        ("DATABASE_URL", &url),
        ("BETTER_AUTH_SECRET", SECRET),
        ("ENVIRONMENT", "production"),
        ("PORT", "0"),
        ("LOG_LEVEL", "trace"),
        ("LOG_FORMAT", "text"),
    ]);
    let mut running = program.start();
    running.says("checked that the policies restrict requests").await;
    let address = listening_in_text(&running.err()).expect("where");
    let alice = Person::new(address, USER);

    alice.creates(json!({ "title": TITLE, "description": DESCRIPTION })).await;
    alice.post("/api/tasks", json!({ "title": TITLE.repeat(30) })).await;
    alice.get(&format!("/api/{USER}/tasks")).await;

    running.says("{user_id}").await;
    let log = running.err();
    for secret in ["marker", "mail.example", SECRET, "eyJ", "it's a"] {
        assert!(!log.contains(secret), "{secret} in\n{log}");
    }
}

#[tokio::test]
async fn every_request_has_one_line_with_its_answer() {
    let world = World::with(&[("LOG_LEVEL", "info")]).await;
    let alice = world.user("alice");

    alice.creates(json!({ "title": "one" })).await;
    alice.get("/api/tasks/0").await;
    alice.call(Method::PUT, "/api/tasks").await;
    world.anonymous().get("/api/v1/tasks").await;
    world.anonymous().get("/nowhere").await;
    world.anonymous().get("/health").await;
    world.anonymous().get("/health/last").await;

    world.server.logs(|event| event["url.path"] == "/health/*").await;
    let events = world.server.log().into_iter().filter_map(|line| serde_json::from_str::<Value>(&line).ok());
    let answered: Vec<_> = events
        .filter(|event| event["message"] == "answered")
        .map(|event| {
            assert!(event["event.duration"].is_u64() && event["http.request.id"].is_string(), "{event}");
            let text = |name: &str| event[name].as_str().expect("a text").to_owned();
            let (method, path) = (text("http.request.method"), text("url.path"));
            format!("{method} {path} {}", event["http.response.status_code"])
        })
        .collect();
    let wanted = [
        "POST /api/tasks 201",
        "GET /api/tasks/0 404",
        "PUT /api/tasks 405",
        "GET /api/v1/tasks 401",
        "GET /* 404",
        "GET /health 200",
        "GET /health/* 404",
    ];
    assert_eq!(answered, wanted);
}

#[tokio::test]
async fn no_client_can_write_a_long_line() {
    let world = World::with(&[("TRUSTED_PROXIES", "127.0.0.1")]).await;
    let (digits, text) = ("1".repeat(20_000), "x".repeat(20_000));
    let token = token("alice");
    let heads = [
        format!("GET /api/tasks/{digits} HTTP/1.1\r\n"),
        format!("GET /api/{text}/tasks/{digits}/complete HTTP/1.1\r\n"),
        format!("GET /{text}?{text} HTTP/1.1\r\n"),
        format!("{text} /api/tasks HTTP/1.1\r\n"),
        format!("GET http://{text}/api/tasks HTTP/1.1\r\n"),
        format!("GET /api/tasks?status={text} HTTP/1.1\r\nAuthorization: Bearer {token}\r\n"),
        format!("GET /api/{text}/tasks HTTP/1.1\r\nAuthorization: Bearer {token}\r\n"),
    ];
    let headers = [
        "Authorization: Bearer ",
        "Authorization: ",
        "X-Request-Id: ",
        "X-Forwarded-For: ",
        "Forwarded: for=",
    ]
    .map(|name| format!("GET /api/tasks HTTP/1.1\r\n{name}{text}\r\n"));

    for head in heads.into_iter().chain(headers) {
        let mut client = RawClient::sending(world.server.address, head + "Host: x\r\n\r\n").await;
        assert!((400..500).contains(&client.reads().await.status));
    }

    world.anonymous().get("/health/last").await;
    world.server.logs(|event| event["url.path"] == "/health/*").await;
    let log = world.server.log();
    let longest = log.iter().max_by_key(|line| line.len()).expect("a line");
    assert!(longest.len() < 2000, "{longest}");
}

#[tokio::test]
async fn every_401_and_403_is_a_warning_with_the_clients_address_and_the_reason() {
    let world = World::new().await;

    world.anonymous().get("/api/tasks").await;
    Person::with_token(world.server.address, Some("nonsense")).get("/api/v1/tasks").await;
    world.user("alice").get("/api/bob/tasks").await;

    for (status, reason) in [(401, "send a token"), (401, "not a JWT"), (403, "another user")] {
        let event = world
            .server
            .logs(|event| {
                event["http.response.status_code"] == status
                    && event["event.reason"].as_str().is_some_and(|text| text.contains(reason))
            })
            .await;
        assert_eq!(event["log.level"], "warn", "{event}");
        assert_eq!(event["client.address"], "127.0.0.1", "{event}");
    }
}

#[tokio::test]
async fn a_user_id_in_a_path_is_not_logged() {
    let world = World::new().await;
    let alice = world.user(USER);

    alice.get("/api/marker-user%40mail.example/tasks/7?q=1").await;

    let event = world.server.logs(|event| event["message"] == "answered").await;
    assert_eq!(event["url.path"], "/api/{user_id}/tasks/7");
}

#[tokio::test]
async fn the_cause_of_a_500_is_in_the_log_with_the_answers_request_id() {
    let world = World::new().await;
    let superuser = world.database.superuser().await;
    superuser
        .batch_execute("alter table app.tasks rename column title to inner_name")
        .await
        .expect("a broken table");

    let answer = world.user("alice").get("/api/tasks").await;

    assert_eq!(answer.status(), 500);
    let text = String::from_utf8_lossy(&answer.body);
    for inner in ["inner_name", "column", "tasks.", "42703", "postgres", "SQL"] {
        assert!(!text.contains(inner), "{text}");
    }
    let id = answer.header("x-request-id").to_owned();
    assert!(id.len() >= 8, "{answer:?}");
    let event = world.server.logs(|event| event["message"] == "a fault of the server").await;
    assert_eq!((&event["log.level"], &event["http.request.id"]), (&json!("error"), &json!(id)), "{event}");
    assert!(event["error.message"].as_str().expect("a cause").starts_with("42703"), "{event}");
}

#[tokio::test]
async fn a_client_that_is_refused_thousands_of_times_has_few_lines_and_the_next_one_says_how_many_are_missing()
 {
    let world = World::with(&[("LOG_LEVEL", "info"), ("TRUSTED_PROXIES", "127.0.0.1")]).await;
    let from = |client: &str| {
        format!(
            "GET /api/tasks HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer a.b.c\r\nX-Forwarded-For: {client}\r\n\r\n"
        )
    };
    let mut client = RawClient::open(world.server.address).await;
    let refused = || {
        let events =
            world.server.log().into_iter().filter_map(|line| serde_json::from_str::<Value>(&line).ok());
        events.filter(|event| event["http.response.status_code"] == 401).collect::<Vec<_>>()
    };

    for _ in 0..2000 {
        client.sends(from("203.0.113.7")).await;
        assert_eq!(client.reads().await.status, 401);
    }
    client.sends(from("203.0.113.8")).await;
    client.reads().await;

    eventually("a line of the other client", async || {
        refused().iter().any(|event| event["client.address"] == "203.0.113.8")
    })
    .await;
    let (warnings, answers): (Vec<_>, Vec<_>) =
        refused().into_iter().partition(|event| event["message"] == "refused");
    assert!(
        (100..300).contains(&warnings.len()) && answers.len() <= warnings.len(),
        "{} {}",
        warnings.len(),
        answers.len()
    );
    let told: u64 = warnings.iter().filter_map(|event| event["rowkeep.left_out_lines"].as_u64()).sum();
    assert_eq!(told, 2001 - warnings.len() as u64);
}
