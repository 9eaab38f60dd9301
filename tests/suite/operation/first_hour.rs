//! What a developer sees in the first hour: printed lines that work with the settings, and problems that are named.

use serde_json::json;

use super::checkout::{Checkout, Ready, shell};
use super::program::Program;
use crate::world::{Database, Issuer, JWKS_PATH, KeyPair, Person, Reply, SECRET, World};

use jsonwebtoken::Algorithm::EdDSA;

/// Starts a development server with this database, and waits until it says that it is ready.
async fn ready_with(database: &Database, settings: &[(&str, &str)]) -> Ready {
    let url = database.url("postgres");
    let given = [("DATABASE_URL", url.as_str()), ("ENVIRONMENT", "development"), ("PORT", "0")];
    let mut running = Program::new(&[]).with(&given).with(settings).start();
    running.says("-c rollback").await;
    let out = running.out();
    Ready { running, out }
}

#[tokio::test]
async fn a_server_says_that_it_is_ready_only_when_it_has_a_key() {
    let (database, pair) = (Database::new().await, KeyPair::new(EdDSA));
    let mut issuer = Issuer::new(&[&pair]).await;
    issuer.stop().await;
    let (url, auth) = (database.url("postgres"), issuer.url());
    let settings =
        [("DATABASE_URL", url.as_str()), ("ENVIRONMENT", "development"), ("BETTER_AUTH_URL", &auth)];
    let mut running = Program::new(&[]).with(&settings).with(&[("PORT", "0")]).start();

    running.says("not ready").await;
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    let before = running.out();
    issuer.start();
    running.says("Rowkeep is ready").await;

    assert!(!before.contains("Rowkeep is ready"), "{before}");
    let ready = Ready { out: running.out(), running };
    let health = Person::with_token(ready.address(), None).get("/health").await;
    assert_eq!((health.status(), health.json()), (200, json!({ "status": "healthy" })));
}

#[tokio::test]
async fn the_printed_address_can_be_called_when_the_server_listens_on_every_address() {
    let database = Database::new().await;

    for (host, prefix) in [("0.0.0.0", "127.0.0.1:"), ("::", "[::1]:")] {
        let ready = ready_with(&database, &[("HOST", host), ("BETTER_AUTH_SECRET", SECRET)]).await;

        assert!(ready.address().to_string().starts_with(prefix), "{}", ready.out);
        assert_eq!(Person::with_token(ready.address(), None).get("/health").await.status(), 200);
    }
}

#[tokio::test]
async fn the_printed_psql_line_shows_tasks_of_the_configured_database() {
    let database = Database::new().await;
    let sql = "insert into app.tasks (user_id, title) values ('alice', 'hers'), ('bob', 'his')";
    database.superuser().await.batch_execute(sql).await.expect("tasks");

    let ready = ready_with(&database, &[("BETTER_AUTH_SECRET", SECRET)]).await;

    let output = shell(&ready.psql().replace("USER_ID", "alice")).await;
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("hers") && !text.contains("his"), "{output:?}");
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn the_printed_token_command_makes_tokens_that_this_server_accepts() {
    let checkout = Checkout::new("c");
    let claims = [
        ("JWT_ISSUER", "https://it's.example"),
        ("JWT_AUDIENCE", "tasks,others"),
        ("JWT_USER_CLAIM", "user id"),
        ("JWT_MAX_LIFETIME", "600"),
    ];
    let program = checkout.program(&[]);
    let home = program.settings["HOME"].clone();
    let mut running = program.with(&claims).start();
    running.says("-c rollback").await;
    let ready = Ready { out: running.out(), running };

    let command = ready.out.split_once("another user: ").expect("a command").1;
    let command = command.lines().next().expect("a line");
    let output =
        shell(&format!("cd '{}' && export HOME='{home}' && {command}", checkout.path.display())).await;

    assert!(output.status.success(), "{output:?}");
    let token = String::from_utf8(output.stdout).expect("text");
    let bob = Person::with_token(ready.address(), Some(token.trim()));
    assert_eq!(bob.get("/api/bob/tasks").await.status(), 200);
    assert_eq!(ready.alice().get("/api/alice/tasks").await.status(), 200);
    ready.stop().await;
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn the_example_settings_work_as_they_are() {
    let checkout = Checkout::new("c");
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/.env.example");
    std::fs::copy(example, checkout.path.join(".env")).expect("a copy");

    let ready = checkout.start().await;

    ready.alice().creates(json!({ "title": "buy milk" })).await;
    ready.stop().await;
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn health_says_why_the_keys_of_better_auth_cannot_be_read_and_what_that_means() {
    let issuer = Issuer::new(&[]).await;
    let cases = [
        (Reply::new("").status(500), "answers 500 Internal Server Error (", "npx auth@latest migrate"),
        (Reply::new("").status(404), "answers 404 Not Found (", "add jwt() to its plugins"),
        (Reply::new("<!doctype html>"), "is not a key set (", "put the path into BETTER_AUTH_URL"),
    ];

    for (reply, why, meaning) in cases {
        issuer.reply(JWKS_PATH, reply);
        let world = World::of(&issuer, &[]).await;
        let health = world.anonymous().get("/health").await;

        assert_eq!(health.status(), 503);
        let detail = health.detail();
        assert!(detail.contains("BETTER_AUTH_URL cannot be read, and no key of it is known"), "{detail}");
        assert!(detail.contains(why) && detail.contains(meaning), "{detail}");
    }
}

#[tokio::test]
async fn the_key_set_of_another_issuer_gets_no_advice_about_better_auth() {
    let issuer = Issuer::new(&[]).await;
    issuer.reply(JWKS_PATH, Reply::new("").status(500));
    let url = issuer.url() + JWKS_PATH;

    let accepted = [("JWT_ISSUER", "https://auth.example.com"), ("JWT_AUDIENCE", "any")];
    let world =
        World::with(&[&[("BETTER_AUTH_SECRET", ""), ("JWKS_URL", &*url)][..], &accepted].concat()).await;

    let detail = world.anonymous().get("/health").await.detail();
    assert!(detail.contains("JWKS_URL cannot be read") && detail.contains("answers 500"), "{detail}");
    assert!(!detail.contains("npx"), "{detail}");
}
