//! The program with nothing configured: a private PostgreSQL that it starts and stops.

use std::os::unix::fs::PermissionsExt;

use serde_json::json;

use super::checkout::{Checkout, is_root, shell};
use super::program::{Directory, Program};
use crate::documents::commands::has_the_findings_of_the_documents;

#[tokio::test]
async fn the_first_start_prints_a_psql_line_that_works() {
    let checkout = Checkout::new("c");
    let ready = checkout.start().await;

    ready.alice().creates(json!({ "title": "buy milk" })).await;

    let output = shell(&ready.psql()).await;
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("buy milk"), "{output:?}");
    ready.stop().await;
}

#[tokio::test]
#[ignore = "needs curl: `make test-all`"]
async fn the_first_start_prints_a_curl_line_that_works() {
    let checkout = Checkout::new("c");
    let ready = checkout.start().await;
    ready.alice().creates(json!({ "title": "buy milk" })).await;

    let output = shell(&ready.line("curl")).await;

    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("buy milk"), "install curl: {output:?}");
    ready.stop().await;
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn postgresql_stops_with_the_program_and_keeps_the_tasks() {
    let checkout = Checkout::new("c");
    for signal in ["TERM", "INT"] {
        let ready = checkout.start().await;
        ready.alice().creates(json!({ "title": signal })).await;
        assert!(checkout.postmaster().is_some());

        ready.running.signal(signal);

        assert_eq!(ready.running.ended().await.code, Some(0));
        assert_eq!(checkout.postmaster(), None, "{signal}");
    }
    let ready = checkout.start().await;
    assert_eq!(ready.alice().get("/api/tasks").await.ids().len(), 2);
    ready.stop().await;
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_database_that_outlives_a_killed_program_is_used_by_the_next_start() {
    let checkout = Checkout::new("c");
    let first = checkout.start().await;
    let alice = first.alice();
    let task = alice.creates(json!({ "title": "kept" })).await;
    let postmaster = checkout.postmaster();
    first.running.signal("KILL");
    let token = first.line("eyJ");
    first.running.ended().await;
    assert_eq!(checkout.postmaster(), postmaster, "the database goes on running");

    let second = checkout.start().await;

    assert_eq!(checkout.postmaster(), postmaster, "it is the same server");
    let alice = crate::world::Person::with_token(second.alice().address, Some(&token));
    assert_eq!(alice.reads(&task["id"]).await, task, "the old token is still valid");
    second.stop().await;
    assert_eq!(checkout.postmaster(), None, "the second program stops it");
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_database_that_was_killed_together_with_the_program_starts_again() {
    let checkout = Checkout::new("c");
    let ready = checkout.start().await;
    ready.alice().creates(json!({ "title": "buy milk" })).await;
    let postmaster = checkout.postmaster().expect("PostgreSQL");

    // A killed process stays in the list of processes until its parent has collected it.
    let killed = shell(&format!("kill -KILL {} {postmaster}", ready.running.id())).await;
    let again = checkout.start().await;

    assert!(killed.status.success(), "{killed:?}");
    let list = again.alice().get("/api/tasks").await.json();
    assert_eq!(list[0]["title"], "buy milk");
    again.stop().await;
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn two_programs_of_one_checkout_share_a_database_and_the_last_one_stops_it() {
    let checkout = Checkout::new("c");
    // Both at once, while there is no database yet.
    let (first, second) = tokio::join!(checkout.start(), checkout.start());
    let task = first.alice().creates(json!({ "title": "shared" })).await;
    let postmaster = checkout.postmaster();

    first.stop().await;

    assert_eq!(checkout.postmaster(), postmaster);
    assert_eq!(second.alice().get("/api/tasks").await.json(), json!([task]));
    second.stop().await;
    assert_eq!(checkout.postmaster(), None);
}

#[tokio::test]
async fn other_users_of_the_machine_cannot_reach_the_database() {
    let checkout = Checkout::new("c");
    let ready = checkout.start().await;
    let (before, _) =
        ready.psql().split_once(" -c ").map(|(a, b)| (a.to_owned(), b.to_owned())).expect("a line");

    let output =
        shell(&format!("{before} -At -c 'show listen_addresses' -c 'show unix_socket_directories'")).await;

    let text = String::from_utf8(output.stdout).expect("text");
    let (addresses, sockets) = text.split_once('\n').expect("two lines");
    assert_eq!(addresses, "");
    let mode = std::fs::metadata(sockets.trim()).expect("a directory").permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    let secret = checkout.home().expect("a home").join("secret");
    assert_eq!(std::fs::metadata(secret).expect("a secret").permissions().mode() & 0o777, 0o600);
    ready.stop().await;
}

#[tokio::test]
async fn migrate_and_token_work_with_nothing_configured() {
    let checkout = Checkout::new("c");

    let migrate = checkout.program(&["migrate"]).run().await;
    let token = checkout.program(&["token", "--user", "alice"]).run().await;

    assert_eq!(migrate.code, Some(0), "{migrate:?}");
    assert!(migrate.out.contains("applied the policies"), "{migrate:?}");
    assert_eq!(checkout.postmaster(), None, "migrate stops the server that it started");
    let ready = checkout.start().await;
    let alice = crate::world::Person::with_token(ready.alice().address, Some(token.out.trim()));
    assert_eq!(alice.get("/api/alice/tasks").await.status(), 200);
    ready.stop().await;
}

/// On PostgreSQL 15.18, as the README shows it.
#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn the_audit_of_a_new_checkout_ends_with_the_line_of_the_readme() {
    let checkout = Checkout::new("c");
    let ready = checkout.start().await;
    let task = ready.alice().creates(json!({ "title": "buy milk" })).await;
    assert_eq!(task["user_id"], "alice");

    let audit = checkout.program(&["audit"]).run().await;

    let last = audit.out.trim_end().lines().last().unwrap_or_default().to_owned();
    let socket = checkout.home().expect("a home").join("socket");
    let address = format!("host='{}' user=postgres dbname=rowkeep", socket.display());
    let address = rowkeep::database::Address::parse(&address).expect("an address");
    let admin = rowkeep::session::connect_once(&address).await.expect("a session");
    if has_the_findings_of_the_documents(&admin).await {
        let readme =
            std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).expect("a page");
        assert!(readme.lines().any(|line| line == last), "{last}");
    }
    assert!(last.contains(" facts: 0 FAIL, ") && last.ends_with("isolation: HELD"), "{audit:?}");
    ready.stop().await;
}

#[tokio::test]
async fn without_server_programs_the_error_says_how_to_get_them() {
    let (empty, checkout) = (Directory::new(), Checkout::new("c"));
    let programs = empty.0.display().to_string();

    let ended = checkout.program(&[]).with(&[("POSTGRES_BIN_DIR", &programs)]).run().await;

    assert_eq!(ended.code, Some(1));
    for way in ["apt-get install postgresql", "docker compose", "DATABASE_URL", "POSTGRES_BIN_DIR", &programs]
    {
        assert!(ended.err.contains(way), "{way} in\n{}", ended.err);
    }
}

#[tokio::test]
async fn without_a_home_the_error_says_to_set_database_url() {
    let directory = Directory::new();
    let mut program = Program::new(&["migrate"]).inside(&directory.0);
    if is_root() {
        std::fs::copy(&program.file, directory.0.join("rowkeep")).expect("a copy");
        program.file = directory.0.join("rowkeep");
        program.user = Some(65_534);
    }

    let ended = program.run().await;

    assert_eq!(ended.code, Some(1));
    assert!(ended.err.contains("HOME") && ended.err.contains("DATABASE_URL"), "{}", ended.err);
}
