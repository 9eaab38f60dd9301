//! `make example` starts three servers, and nothing of them stays.

use std::net::TcpListener;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use http_body_util::Full;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use super::running::{Example, processes_with, program};
use crate::documents::markdown::root;
use crate::operation::program::{Directory, Program};
use crate::world::{Answer, Database, send};

/// Waits until no process has this variable.
async fn gone(variable: &str) {
    let waiting = async {
        while !processes_with(variable).is_empty() {
            sleep(Duration::from_millis(50)).await;
        }
    };
    let ended = timeout(Duration::from_secs(40), waiting).await;
    assert!(ended.is_ok(), "still running: {:?}", processes_with(variable));
}

#[tokio::test]
#[ignore = "needs Better Auth on Node.js: `make test-all`"]
async fn make_example_prints_the_address_of_the_page_and_ctrl_c_ends_all_that_it_started() {
    let data = Directory::named("example");
    let variable = format!("DATA={}", data.0.display());
    let mut program = Program::new(&["example"]).inside(root());
    program.file = PathBuf::from("make");
    program.settings = std::env::vars().collect();
    // Without ROWKEEP, it would build the program again, and other tests run it meanwhile.
    program = program.with(&[("ROWKEEP", env!("CARGO_BIN_EXE_rowkeep"))]);
    program = program.with(&[("API_PORT", "0"), ("AUTH_PORT", "0"), ("PAGE_PORT", "0")]);
    program = program.with(&[("DATA", &data.0.display().to_string())]);
    let start = SystemTime::now();

    let mut running = program.start();
    running.says("Ctrl+C ends all three").await;
    let started = processes_with(&variable).len();
    let log = std::fs::read_to_string(data.0.join("rowkeep.log")).expect("a log");
    // As a terminal does: to the whole group.
    let group = format!("-{}", running.id());
    let status = std::process::Command::new("kill").args(["-INT", "--", &group]).status();
    assert!(status.expect("kill").success());
    let ended = running.ended().await;

    assert!(ended.out.contains("The page      http://127.0.0.1:"), "{ended:?}");
    assert!(started >= 4, "make, node, Better Auth and Rowkeep: {started}");
    gone(&variable).await;
    let socket = log.split("postgres@").nth(1).and_then(|rest| rest.split(':').next()).expect("a database");
    // A PostgreSQL that ran before is that of a `make run` in this checkout, which has not ended.
    let file = PathBuf::from(socket).with_file_name("data").join("postmaster.pid");
    let began = std::fs::metadata(&file).and_then(|file| file.modified());
    assert!(!began.is_ok_and(|began| began > start), "its PostgreSQL still runs: {}", file.display());
}

#[tokio::test]
#[ignore = "needs Better Auth on Node.js: `make test-all`"]
async fn the_servers_of_the_example_end_when_it_is_killed() {
    let example = Example::start().await;
    let variable = format!("DATA={}", example.data.0.display());
    assert!(example.processes().len() >= 3, "{:?}", example.processes());

    example.running.signal("KILL");

    gone(&variable).await;
}

/// Starts the example's Better Auth, sends it one request, and ends it.
async fn calls_better_auth(data: &Directory, path: &str, body: &Value) -> Answer {
    let mut program = program(data, &[]).with(&[("PORT", "0"), ("PAGE", "http://127.0.0.1:5173")]);
    program.arguments = vec!["-c".into(), "exec node examples/better-auth/server.mjs".into()];
    let mut running = program.start();
    running.says("Better Auth listens on").await;
    let address = running.out().split("http://").nth(1).and_then(|rest| rest.split(' ').next()?.parse().ok());
    let request = http::Request::post(path)
        .header("content-type", "application/json")
        .header("origin", "http://127.0.0.1:5173")
        .body(Full::from(body.to_string()))
        .expect("a request");
    send(address.expect("an address"), request).await
}

#[tokio::test]
#[ignore = "needs Better Auth on Node.js: `make test-all`"]
async fn people_who_signed_up_at_the_example_can_sign_in_after_a_restart() {
    let data = Directory::named("example");
    let account = json!({ "name": "a", "email": "a@example.test", "password": "correct horse battery" });

    let signed_up = calls_better_auth(&data, "/api/auth/sign-up/email", &account).await;
    let signed_in = calls_better_auth(&data, "/api/auth/sign-in/email", &account).await;

    assert_eq!(signed_up.status(), 200, "{signed_up:?}");
    assert_eq!(signed_in.status(), 200, "{signed_in:?}");
}

#[tokio::test]
#[ignore = "needs Better Auth on Node.js: `make test-all`"]
async fn a_port_that_is_taken_is_named_with_the_variable_that_chooses_another() {
    let data = Directory::named("example");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port().to_string();

    let ended = program(&data, &[]).with(&[("PAGE_PORT", &port)]).run().await;

    assert_eq!(ended.code, Some(1), "{ended:?}");
    for text in [format!("port {port} is taken"), "PAGE_PORT=0 make example".into()] {
        assert!(ended.err.contains(&text), "{text}: {ended:?}");
    }
}

#[tokio::test]
#[ignore = "needs Better Auth on Node.js: `make test-all`"]
async fn a_server_that_does_not_start_shows_its_log_and_ends_the_others() {
    let data = Directory::named("example");

    let ended = program(&data, &["--environment=nowhere"]).run().await;

    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.err.contains("Rowkeep has ended") && ended.err.contains("ENVIRONMENT"), "{ended:?}");
    gone(&format!("DATA={}", data.0.display())).await;
}

#[tokio::test]
#[ignore = "needs Better Auth on Node.js: `make test-all`"]
async fn a_program_that_is_not_there_and_a_port_that_is_no_number_are_named() {
    for (variable, value) in [("ROWKEEP", "/nowhere/rowkeep"), ("API_PORT", "abc"), ("PAGE_PORT", "70000")] {
        let data = Directory::named("example");

        let ended = program(&data, &[]).with(&[(variable, value)]).run().await;

        assert_eq!(ended.code, Some(1), "{variable}: {ended:?}");
        assert!(ended.err.contains(variable) && ended.err.contains(value), "{variable}: {ended:?}");
    }
}

#[tokio::test]
#[ignore = "needs Better Auth on Node.js: `make test-all`"]
async fn the_example_obeys_no_settings_of_the_environment_and_of_the_checkouts_env_file() {
    let data = Directory::named("example");
    // A checkout of its own: `.git`, `.env`, and the example.
    let checkout = Directory::named("checkout");
    std::fs::create_dir(checkout.0.join(".git")).expect("a directory");
    std::os::unix::fs::symlink(root().join("examples"), checkout.0.join("examples")).expect("a link");
    checkout.write(
        ".env",
        "LIST_ENVELOPE=nonsense\nDATABASE_URL=postgres://127.0.0.1:1/nothing\nLOG_LEVEL=nonsense\n",
    );
    let database = Database::new().await;
    data.write("database", &database.url("rowkeep_login"));
    let url = format!("--database-url-file={}", data.0.join("database").display());
    // In development, because `.env` is not read elsewhere.
    let mut program = program(&data, &[&url, "--environment=development"]).inside(&checkout.0);
    program.arguments[1] =
        "exec node --preserve-symlinks --preserve-symlinks-main examples/start.mjs \"$@\"".into();
    let surroundings = [("DATABASE_URL", "postgres://127.0.0.1:1/nothing"), ("JWT_MAX_LIFETIME", "nonsense")];

    let mut running = program.with(&surroundings).start();

    running.says("Ctrl+C ends all three").await;
}

#[tokio::test]
#[ignore = "needs Better Auth on Node.js: `make test-all`"]
async fn the_example_ends_after_its_servers_at_a_termination_signal() {
    let example = Example::start().await;
    let variable = format!("DATA={}", example.data.0.display());

    example.running.signal("TERM");
    let ended = example.running.ended().await;

    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(processes_with(&variable), Vec::<u32>::new());
}
