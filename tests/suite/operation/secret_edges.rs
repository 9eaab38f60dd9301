//! Secrets that were copied with something around them: they are used as they are, and the log says so at start.

use std::time::Duration;

use super::program::{Directory, Program};
use crate::http::tokens::{claims, header, signed};
use crate::world::{Database, Person, SECRET, Server};

/// The warnings of a server with these settings, which cannot reach its database.
async fn warnings(settings: &[(&str, &str)]) -> String {
    let base = [
        ("ENVIRONMENT", "production"),
        ("DATABASE_URL", "postgres://u@127.0.0.1:9/d"),
        ("PORT", "0"),
        ("LOG_FORMAT", "text"),
    ];
    let mut running = Program::new(&["serve"]).with(&base).with(settings).start();
    running.says("the database cannot be used yet").await;
    running.says_within(Duration::from_millis(1)).await
}

#[tokio::test]
async fn a_secret_with_something_around_it_is_named_at_start_and_not_repeated() {
    let files = Directory::new();
    files.write("two-lines", &format!("{SECRET}\n\n"));
    files.write("password", "hush \n");
    let path = |name: &str| files.0.join(name).display().to_string();
    let (two_lines, password) = (path("two-lines"), path("password"));
    let (spaced, quoted) = (format!(" {SECRET}"), format!("\"{SECRET}\""));
    let good = ("BETTER_AUTH_SECRET", SECRET);

    for (settings, wanted) in [
        (&[("BETTER_AUTH_SECRET", spaced.as_str())][..], "BETTER_AUTH_SECRET begins with white space"),
        (&[("BETTER_AUTH_SECRET", &quoted)], "BETTER_AUTH_SECRET begins with a quote and ends with a quote"),
        (
            &[good, ("BETTER_AUTH_SECRET_PREVIOUS", &spaced)],
            "BETTER_AUTH_SECRET_PREVIOUS begins with white space",
        ),
        (&[("BETTER_AUTH_SECRET_FILE", &two_lines)], "BETTER_AUTH_SECRET ends with a line break"),
        (
            &[good, ("DATABASE_PASSWORD_FILE", &password)],
            "the password of DATABASE_URL ends with white space",
        ),
        (
            &[good, ("DATABASE_URL", "postgres://u:hush%0A@127.0.0.1:9/d")],
            "the password of DATABASE_URL ends with a line break",
        ),
    ] {
        let log = warnings(settings).await;

        assert!(log.contains(wanted), "{wanted}:\n{log}");
        assert!(!log.contains(SECRET) && !log.contains("hush"), "{log}");
    }
}

#[tokio::test]
async fn a_secret_without_anything_around_it_causes_no_warning() {
    let files = Directory::new();
    files.write("secret", &format!("{SECRET}\n"));
    let path = files.0.join("secret").display().to_string();

    for setting in [("BETTER_AUTH_SECRET", SECRET), ("BETTER_AUTH_SECRET_FILE", &path)] {
        let log = warnings(&[setting, ("JWT_MAX_LIFETIME", "3600")]).await;

        assert!(!log.contains("is used as it is"), "{log}");
        assert!(!log.contains("JWT_MAX_LIFETIME"), "{log}");
    }
}

#[tokio::test]
async fn a_secret_is_used_with_what_is_around_it() {
    let database = Database::new().await;
    let (url, spaced) = (database.url("rowkeep_login"), format!(" '{SECRET}' "));
    let settings = [("DATABASE_URL", url.as_str()), ("BETTER_AUTH_SECRET", &spaced)];
    let server = Server::start(&settings).await.expect("a server");

    for (secret, status) in [(spaced.as_str(), 200), (SECRET, 401)] {
        let token = signed(&header(), &claims(serde_json::json!({})), secret);
        let answer = Person::with_token(server.address, Some(&token)).get("/api/tasks").await;
        assert_eq!(answer.status(), status, "{answer:?}");
    }
}

#[tokio::test]
async fn a_long_lifetime_of_tokens_is_a_warning_outside_development() {
    let secret = ("BETTER_AUTH_SECRET", SECRET);
    for (lifetime, is_long) in [("", true), ("604800", true), ("604799", false), ("900", false)] {
        let log = warnings(&[secret, ("JWT_MAX_LIFETIME", lifetime)]).await;

        assert_eq!(log.contains("set JWT_MAX_LIFETIME"), is_long, "{lifetime}: {log}");
    }
    let token = Program::new(&["token", "--user=alice"]).with(&[secret]).run().await;
    assert!(token.code == Some(0) && token.err.is_empty(), "{token:?}");
}
