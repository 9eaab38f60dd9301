//! Secrets and passwords: which are accepted, and that no message repeats one.

use std::time::Duration;

use futures_util::future::join_all;

use super::program::{Ended, Program};
use crate::world::{Database, Person, SECRET, World};

async fn in_production(settings: &[(&str, &str)]) -> Ended {
    let base = [("DATABASE_URL", "postgres://u@127.0.0.1:9/d")];
    Program::checking_settings().with(&base).with(settings).run().await
}

#[tokio::test]
async fn a_short_secret_and_one_from_an_example_are_refused_outside_development() {
    let long_placeholder = "change-me-change-me-change-me-change-me";
    for secret in [&SECRET[..31], "x", long_placeholder, "BETTER-AUTH-SECRET-1234567890123456"] {
        for name in ["BETTER_AUTH_SECRET", "BETTER_AUTH_SECRET_PREVIOUS"] {
            let ended = in_production(&[("BETTER_AUTH_SECRET", SECRET), (name, secret)]).await;

            assert_eq!(ended.code, Some(1));
            assert!(ended.err.contains(&format!("{name} ")), "{secret}: {}", ended.err);
            assert!(ended.err.contains("openssl"), "{secret}: {}", ended.err);
            assert!(secret.len() < 2 || !ended.err.contains(secret), "{secret}: {}", ended.err);
        }
    }
}

#[tokio::test]
async fn a_secret_of_thirty_two_bytes_is_accepted() {
    let ended = in_production(&[("BETTER_AUTH_SECRET", &SECRET[..32])]).await;

    assert!(!ended.err.contains("BETTER_AUTH_SECRET"), "{}", ended.err);
}

#[tokio::test]
async fn a_short_secret_is_accepted_in_development() {
    let ended = Program::new(&["token", "--user=alice"]).with(&[("BETTER_AUTH_SECRET", "short")]).run().await;

    assert_eq!((ended.code, ended.out.matches('.').count()), (Some(0), 2), "{ended:?}");
}

/// Whether the text holds one of these parts of a password.
fn repeats(text: &str, parts: &[&str]) -> bool {
    parts.iter().any(|part| text.contains(part))
}

#[tokio::test]
async fn no_message_about_an_address_repeats_a_part_of_its_password() {
    let urls = [
        "postgres://user:hushhush@127.0.0.1:9/d",
        "postgres://user:hush@hush@127.0.0.1:9/d",
        "postgres://user:hush/hush@127.0.0.1:9/d",
        "postgres://user:hu@sh/hush@127.0.0.1:9/d",
        "postgres://user:hu@sh:hush@127.0.0.1:9/d",
        "postgres://user:hush?hush@127.0.0.1:9/d",
        "postgres://user:hush#hush@127.0.0.1:9/d",
        "postgres://user:hush hush@127.0.0.1:9/d",
        "postgres://user:hush%zzhush@127.0.0.1:9/d",
        "postgres://user:hushhush@/d",
        "postgres://user:hushhush@127.0.0.1:hush/d",
        "postgres://user:hush?hush=hush@127.0.0.1:9/d?hush=1",
        "postgresql+asyncpg://user:hushhush@127.0.0.1:9/d",
        "host=127.0.0.1 port=9 user=u password=hush hush=hush",
        "host=127.0.0.1 port=9 user=u password='hush' hush'",
        "hushhush",
    ];

    let texts = join_all(urls.map(async |url| {
        let mut running =
            Program::new(&["migrate"]).with(&[("DATABASE_URL", url), ("ENVIRONMENT", "production")]).start();
        // With a valid address the program tries to connect for a while. Its first lines are enough.
        running.says_within(Duration::from_secs(3)).await
    }))
    .await;

    for (url, text) in urls.iter().zip(texts) {
        assert!(!text.is_empty() && !repeats(&text, &["hush", "hu@", "sh:", "sh/"]), "{url}: {text}");
    }
}

#[tokio::test]
async fn a_database_that_refuses_the_login_is_named_without_the_password() {
    let database = Database::new().await;
    let wrong = database.url("rowkeep_login").replace("dbname=", "dbname=no_");
    let base = [("ENVIRONMENT", "production"), ("BETTER_AUTH_SECRET", SECRET), ("PORT", "0")];

    let ended = Program::new(&[]).with(&base).with(&[("DATABASE_URL", &wrong)]).run().await;

    assert_eq!(ended.code, Some(1));
    assert!(ended.err.contains("rowkeep_login@") && ended.err.contains("no_test_"), "{}", ended.err);
    assert!(!repeats(&ended.err, &["it's", "\"test\"", SECRET]), "{}", ended.err);
}

#[tokio::test]
async fn missing_tls_of_the_database_server_is_named() {
    let database = Database::new().await;
    let proxy = super::database_proxy::Proxy::start().await;
    let url = proxy.url(&database, "rowkeep_login").replace("sslmode=disable", "sslmode=require");
    let base = [("ENVIRONMENT", "production"), ("BETTER_AUTH_SECRET", SECRET), ("PORT", "0")];

    let ended = Program::new(&[]).with(&base).with(&[("DATABASE_URL", &url)]).run().await;

    assert_eq!(ended.code, Some(1));
    assert!(ended.err.contains("TLS") && ended.err.contains("127.0.0.1"), "{}", ended.err);
}

#[tokio::test]
async fn an_address_with_unsupported_parts_is_refused() {
    for (address, problem) in [
        ("host=/run/postgresql,db.example", "names both sockets and other hosts"),
        (
            "host=/run/a,/run/b target_session_attrs=read-write",
            "target_session_attrs is not supported with a socket",
        ),
        ("host=/run/a hostaddr=127.0.0.1", "hostaddr is not supported with a socket"),
        ("host=/run/a sslmode=require", "sslmode=require is not supported with a socket"),
        ("host=/run/a load_balance_hosts=random", "load_balance_hosts is not supported with a socket"),
        ("user=u", "names no host"),
    ] {
        let url = format!("{address} password=hush");

        let ended = in_production(&[("DATABASE_URL", &url), ("BETTER_AUTH_SECRET", SECRET)]).await;

        assert_eq!(ended.code, Some(1), "{address}");
        let line = ended.err.lines().find(|line| line.contains("DATABASE_URL")).unwrap_or_default();
        assert!(line.contains(problem) && !line.contains("hush"), "{address}: {}", ended.err);
    }
}

/// Addresses as other programs and the dashboards of hosting services have them.
#[tokio::test]
async fn an_option_of_another_program_is_refused_with_what_to_write_instead() {
    for (options, named) in [
        ("sslmode=allow", &["sslmode: allow", "write require"][..]),
        ("sslmode=no-verify", &["sslmode: no-verify", "sslrootcert=/path/of/ca.pem"]),
        (
            "schema=public&pgbouncer=true&connection_limit=5",
            &["schema: ", "connection_limit: ", "DATABASE_POOL_SIZE"],
        ),
        ("options=-c%20role%3Dx", &["options: "]),
        ("sslcert=a.pem&sslkey=b.pem", &["sslcert: ", "sslkey: "]),
    ] {
        let url = format!("postgres://u:hush@db.example/d?{options}");

        let ended = in_production(&[("DATABASE_URL", &url), ("BETTER_AUTH_SECRET", SECRET)]).await;

        assert_eq!(ended.code, Some(1));
        let line = ended.err.lines().find(|line| line.contains("DATABASE_URL")).unwrap_or_default();
        assert!(named.iter().all(|part| line.contains(part)) && !line.contains("hush"), "{}", ended.err);
    }
}

#[tokio::test]
async fn an_sslmode_of_the_environment_that_cannot_be_obeyed_is_refused() {
    let set = [
        ("PGSSLMODE", "allow"),
        ("DATABASE_URL", "postgres://u@db.example/d"),
        ("BETTER_AUTH_SECRET", SECRET),
    ];

    let ended = in_production(&set).await;

    assert!(ended.err.contains("PGSSLMODE: allow is not supported; write require"), "{}", ended.err);
}

#[tokio::test]
async fn a_token_from_the_command_line_is_accepted_by_a_server_with_the_same_secret() {
    let world = World::new().await;

    let ended =
        Program::new(&["token", "--user", "alice"]).with(&[("BETTER_AUTH_SECRET", SECRET)]).run().await;

    assert_eq!(ended.code, Some(0), "{ended:?}");
    let alice = Person::with_token(world.server.address, Some(ended.out.trim()));
    assert_eq!(alice.get("/api/alice/tasks").await.status(), 200);
}

#[tokio::test]
async fn outside_development_no_tokens_are_minted() {
    let settings = [
        ("ENVIRONMENT", "production"),
        ("DATABASE_URL", "postgres://u@127.0.0.1:9/d"),
        ("BETTER_AUTH_SECRET", SECRET),
    ];

    let ended = Program::new(&["token", "--user=alice"]).with(&settings).run().await;

    assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""));
    assert!(ended.err.contains("development"), "{}", ended.err);
}
