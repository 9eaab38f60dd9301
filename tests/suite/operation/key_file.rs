//! Keys in a file.

use std::path::PathBuf;
use std::time::Duration;

use jsonwebtoken::Algorithm::{ES384, EdDSA};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use super::program::Program;
use crate::world::public;
use crate::world::{KeyPair, Person, SECRET, World};

/// A directory of one test.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("rowkeep-keys-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a directory");
        Self(path)
    }

    fn file(&self) -> String {
        self.0.join("keys.json").display().to_string()
    }

    fn write(&self, text: &str) {
        std::fs::write(self.file(), text).expect("a file");
    }

    fn publish(&self, pairs: &[&KeyPair]) {
        self.write(&json!({ "keys": public(pairs) }).to_string());
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

async fn world(directory: &Directory) -> World {
    World::with(&[("BETTER_AUTH_SECRET", ""), ("JWKS_FILE", &directory.file())]).await
}

fn claims(user: &str) -> Value {
    json!({ "sub": user, "exp": jiff::Timestamp::now().as_second() + 900 })
}

async fn becomes(person: &Person, status: u16) {
    let comes = async {
        while person.get("/api/tasks").await.status() != status {
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(Duration::from_secs(30), comes).await.expect("the file is read again");
}

#[tokio::test]
async fn a_file_is_read_again_when_it_changes() {
    let directory = Directory::new("changes");
    let (old, new) = (KeyPair::new(EdDSA), KeyPair::new(ES384));
    directory.publish(&[&old]);
    let world = world(&directory).await;
    let (before, after) =
        (world.bearer(&old.token(&claims("alice"))), world.bearer(&new.token(&claims("alice"))));
    assert_eq!(before.get("/api/tasks").await.status(), 200);

    // As a careful program replaces a file.
    let beside = directory.0.join("new");
    std::fs::write(&beside, json!({ "keys": public(&[&new]) }).to_string()).expect("a file");
    std::fs::rename(beside, directory.file()).expect("another file in its place");

    becomes(&before, 401).await;
    assert_eq!(after.get("/api/tasks").await.status(), 200);
    directory.publish(&[&old]);
    becomes(&before, 200).await;
}

#[tokio::test]
async fn a_new_key_of_a_file_is_believed_at_once() {
    let directory = Directory::new("at-once");
    let (old, new) = (KeyPair::new(EdDSA), KeyPair::new(EdDSA));
    directory.publish(&[&old]);
    let world = world(&directory).await;

    directory.publish(&[&old, &new]);

    assert_eq!(world.bearer(&new.token(&claims("alice"))).get("/api/tasks").await.status(), 200);
}

#[tokio::test]
async fn a_file_that_is_lost_or_spoilt_takes_no_key_away() {
    let directory = Directory::new("spoilt");
    let pair = KeyPair::new(EdDSA);
    directory.publish(&[&pair]);
    let world = world(&directory).await;
    let person = world.bearer(&pair.token(&claims("alice")));
    let problem = |text: &'static str| {
        world
            .server
            .logs(move |event| event["problem"].as_str().is_some_and(|problem| problem.contains(text)))
    };

    directory.write("{");
    problem("no JSON").await;
    assert_eq!(person.get("/api/tasks").await.status(), 200);
    std::fs::remove_file(directory.file()).expect("no file");
    problem("No such file").await;
    assert_eq!(person.get("/api/tasks").await.status(), 200);
    assert!(world.stranger().get("/health").await.detail().contains("JWKS_FILE"));

    directory.publish(&[&pair]);
    world.server.logs(|event| event["message"] == "the key set can be read again").await;
    assert_eq!(world.stranger().get("/health").await.json(), json!({ "status": "healthy" }));
}

#[tokio::test]
async fn a_file_that_is_no_key_set_from_the_start_is_a_mistake_that_is_named() {
    let directory = Directory::new("mistakes");
    for (label, text) in [
        ("no file", None),
        ("nothing", Some("")),
        ("PEM", Some("-----BEGIN PUBLIC KEY-----")),
        ("one key alone", Some(r#"{"kty": "OKP"}"#)),
    ] {
        text.iter().for_each(|text| directory.write(text));
        let database = crate::world::Database::new().await;
        let settings = [
            ("ENVIRONMENT", "production"),
            ("DATABASE_URL", &database.url("rowkeep_login")),
            ("BETTER_AUTH_SECRET", SECRET),
            ("JWKS_FILE", &directory.file()),
            ("PORT", "0"),
        ];

        let ended = Program::new(&[]).with(&settings).run().await;

        assert_eq!(ended.code, Some(1), "{label}: {ended:?}");
        assert!(ended.err.contains("JWKS_FILE"), "{label}: {}", ended.err);
    }
}
