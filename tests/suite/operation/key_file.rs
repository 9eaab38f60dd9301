//! Key sets in a file.

use std::time::Duration;

use jsonwebtoken::Algorithm::{ES384, EdDSA};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use super::program::{Directory, Program};
use crate::world::public;
use crate::world::{KeyPair, Person, World};

/// A key set file in a directory of this test.
struct KeyFile(Directory);

impl KeyFile {
    fn new() -> Self {
        Self(Directory::new())
    }

    fn path(&self) -> String {
        self.0.0.join("keys.json").display().to_string()
    }

    fn write(&self, text: &str) {
        self.0.write("keys.json", text);
    }

    fn publish(&self, pairs: &[&KeyPair]) {
        self.write(&json!({ "keys": public(pairs) }).to_string());
    }
}

async fn world(file: &KeyFile) -> World {
    World::with(&settings(&file.path())).await
}

fn settings(path: &str) -> [(&str, &str); 4] {
    [("BETTER_AUTH_SECRET", ""), ("JWKS_FILE", path), ("JWT_ISSUER", ISSUER), ("JWT_AUDIENCE", "any")]
}

const ISSUER: &str = "https://auth.example.com";

fn claims(user: &str) -> Value {
    json!({ "sub": user, "iss": ISSUER, "exp": jiff::Timestamp::now().as_second() + 900 })
}

async fn wait_for_status(person: &Person, status: u16) {
    let comes = async {
        while person.get("/api/tasks").await.status() != status {
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(Duration::from_secs(30), comes).await.expect("the file is read again");
}

#[tokio::test]
async fn a_file_is_read_again_when_it_changes() {
    let file = KeyFile::new();
    let (old, new) = (KeyPair::new(EdDSA), KeyPair::new(ES384));
    file.publish(&[&old]);
    let world = world(&file).await;
    let (before, after) =
        (world.bearer(&old.token(&claims("alice"))), world.bearer(&new.token(&claims("alice"))));
    assert_eq!(before.get("/api/tasks").await.status(), 200);

    // Atomically, as careful programs replace a file.
    let beside = file.0.0.join("new");
    std::fs::write(&beside, json!({ "keys": public(&[&new]) }).to_string()).expect("a file");
    std::fs::rename(beside, file.path()).expect("another file in its place");

    wait_for_status(&before, 401).await;
    assert_eq!(after.get("/api/tasks").await.status(), 200);
    file.publish(&[&old]);
    wait_for_status(&before, 200).await;
}

#[tokio::test]
async fn a_new_key_in_a_file_is_accepted_at_once() {
    let file = KeyFile::new();
    let (old, new) = (KeyPair::new(EdDSA), KeyPair::new(EdDSA));
    file.publish(&[&old]);
    let world = world(&file).await;

    file.publish(&[&old, &new]);

    assert_eq!(world.bearer(&new.token(&claims("alice"))).get("/api/tasks").await.status(), 200);
}

#[tokio::test]
async fn a_missing_or_broken_file_removes_no_key() {
    let file = KeyFile::new();
    let pair = KeyPair::new(EdDSA);
    file.publish(&[&pair]);
    let world = world(&file).await;
    let person = world.bearer(&pair.token(&claims("alice")));
    let problem = |text: &'static str| {
        world
            .server
            .logs(move |event| event["error.message"].as_str().is_some_and(|problem| problem.contains(text)))
    };

    file.write("{");
    problem("not JSON").await;
    assert_eq!(person.get("/api/tasks").await.status(), 200);
    std::fs::remove_file(file.path()).expect("no file");
    problem("No such file").await;
    assert_eq!(person.get("/api/tasks").await.status(), 200);
    assert!(world.anonymous().get("/health").await.detail().contains("JWKS_FILE"));

    file.publish(&[&pair]);
    world.server.logs(|event| event["message"] == "the key set can be read again").await;
    assert_eq!(world.anonymous().get("/health").await.json(), json!({ "status": "healthy" }));
}

/// Opening a pipe waits for a writer.
#[tokio::test]
async fn a_pipe_instead_of_the_file_delays_neither_start_nor_stop() {
    let file = KeyFile::new();
    let pair = KeyPair::new(EdDSA);
    let pipe = || {
        let _ = std::fs::remove_file(file.path());
        let made = std::process::Command::new("mkfifo").arg(file.path()).status();
        assert!(made.expect("mkfifo").success());
    };
    let problem = |event: &Value| {
        event["error.message"].as_str().is_some_and(|text| text.contains("not a regular file"))
    };

    pipe();
    let refused = World::try_with(&settings(&file.path())).await.err().expect("a refusal");
    std::fs::remove_file(file.path()).expect("no pipe");
    file.publish(&[&pair]);
    let mut world = world(&file).await;
    pipe();
    world.server.logs(problem).await;
    let accepted = world.bearer(&pair.token(&claims("alice"))).get("/api/tasks").await;
    world.server.signal("TERM");

    assert!(refused.contains("JWKS_FILE") && refused.contains("not a regular file"), "{refused}");
    assert_eq!(accepted.status(), 200);
    assert_eq!(world.server.ended().await.code(), Some(0));
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn no_part_of_a_key_set_is_logged() {
    for text in [
        r#"{"keys": ["hushhush"]}"#,
        r#"{"keys": "hushhush"}"#,
        r#""hushhush""#,
        r#"{"keys": [{"kty": {"hushhush": 1}}]}"#,
        r#"{"keys": [{"kty": "OKP", "crv": "hushhush", "d": "hushhush"}]}"#,
        r#"{"keys": [{"kty": "hushhush", "alg": "hushhush", "use": "hushhush", "x": "hushhush"}]}"#,
    ] {
        let file = KeyFile::new();
        let pair = KeyPair::new(EdDSA);
        file.publish(&[&pair]);
        let world = world(&file).await;

        file.write(text);
        world
            .server
            .logs(|event| event["error.message"].is_string() || event["message"] == "key skipped")
            .await;

        let log = world.server.log().join("\n");
        assert!(!log.contains("hush"), "{text}: {log}");
    }
}

#[tokio::test]
async fn a_file_that_holds_no_key_set_at_start_ends_the_program_with_its_setting_named() {
    let file = KeyFile::new();
    for (label, text) in [
        ("no file", None),
        ("nothing", Some("")),
        ("PEM", Some("-----BEGIN PUBLIC KEY-----")),
        ("one key alone", Some(r#"{"kty": "OKP"}"#)),
        ("an empty set", Some(r#"{"keys": []}"#)),
        ("no key that can be used", Some(r#"{"keys": [{"kty": "oct", "k": "aHVzaA"}]}"#)),
    ] {
        text.iter().for_each(|text| file.write(text));
        let database = crate::world::Database::new().await;
        let settings =
            [("ENVIRONMENT", "production"), ("DATABASE_URL", &database.url("rowkeep_login")), ("PORT", "0")];

        let ended = Program::new(&[]).with(&settings).with(&self::settings(&file.path())).run().await;

        assert_eq!(ended.code, Some(1), "{label}: {ended:?}");
        assert!(ended.err.contains("JWKS_FILE"), "{label}: {}", ended.err);
    }
}
