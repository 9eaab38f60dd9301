//! Development in directories with unusual paths, for users who are not root, and after an interrupted first start.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;

use super::checkout::{Checkout, shell};
use super::overload::eventually;

/// Asserts that the server, the printed psql line and the stop work.
async fn works(checkout: &Checkout) {
    let ready = checkout.start().await;
    ready.alice().creates(json!({ "title": "buy milk" })).await;

    let output = shell(&ready.psql()).await;

    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("buy milk"), "{output:?}");
    ready.stop().await;
    assert_eq!(checkout.postmaster(), None);
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_checkout_that_only_its_owner_can_enter_works() {
    let checkout = Checkout::new("c");
    std::fs::set_permissions(&checkout.path, std::fs::Permissions::from_mode(0o700))
        .expect("a closed directory");

    works(&checkout).await;
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_checkout_with_spaces_and_quotes_in_its_path_works() {
    works(&Checkout::new("it's a \"check out\" $HOME")).await;
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn the_database_of_an_ordinary_user_is_in_their_home() {
    let checkout = Checkout::of_an_ordinary_user("c", "home");

    works(&checkout).await;

    assert!(checkout.home().is_some_and(|home| home.join("data/PG_VERSION").exists()));
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_home_with_spaces_and_quotes_in_its_path_works() {
    works(&Checkout::of_an_ordinary_user("c", "the user's \"home\"")).await;
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_home_with_a_long_path_works() {
    works(&Checkout::of_an_ordinary_user("c", &"h".repeat(120))).await;
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_program_in_a_subdirectory_uses_the_checkouts_database() {
    let checkout = Checkout::new("c");
    let below = checkout.path.join("src");
    std::fs::create_dir(&below).expect("a directory");
    let mut first = checkout.program(&[]).inside(&below).start();
    first.says("-c rollback").await;
    let postmaster = checkout.postmaster();

    let ready = checkout.start().await;

    assert!(postmaster.is_some());
    assert_eq!(checkout.postmaster(), postmaster);
    first.signal("TERM");
    first.ended().await;
    ready.stop().await;
}

/// The directory in which initdb makes the database.
fn new_data(checkout: &Checkout) -> Option<PathBuf> {
    let entries = std::fs::read_dir(checkout.home()?).ok()?.flatten();
    let mut paths = entries.map(|entry| entry.path());
    paths.find(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("data.new")))
}

/// Sends a signal to the program's process group while the first start makes the database.
async fn interrupted(checkout: &Checkout, signal: &str) {
    let running = checkout.program(&[]).start();
    let making = async || new_data(checkout).is_some_and(|data| data.join("base/1").exists());
    eventually("initdb runs", making).await;
    tokio::time::sleep(Duration::from_millis(200)).await; // so that it is in the middle

    let line = format!("kill -s {signal} -- -{}", running.id());
    assert!(shell(&line).await.status.success());
    running.ended().await;
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn ctrl_c_during_the_first_start_does_not_damage_the_database() {
    let checkout = Checkout::new("c");

    interrupted(&checkout, "INT").await;

    assert_eq!(checkout.postmaster(), None);
    let ready = checkout.start().await;
    let kind = "select 'ctype ' || datctype from pg_database where datname = current_database()";
    let output = shell(&format!("{} -c \"{kind}\"", ready.psql())).await;
    assert!(String::from_utf8_lossy(&output.stdout).contains("ctype C.UTF-8"), "{output:?}");
    ready.stop().await;
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn after_a_first_start_that_was_killed_the_next_one_works() {
    let checkout = Checkout::new("c");

    interrupted(&checkout, "KILL").await;
    // initdb is in another process group, and goes on.

    works(&checkout).await;
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_database_that_does_not_start_is_an_error_with_the_end_of_its_log() {
    let checkout = Checkout::new("c");
    checkout.start().await.stop().await;
    let conf = checkout.home().expect("a home").join("data/postgresql.conf");
    let text = std::fs::read_to_string(&conf).expect("a file");
    std::fs::write(&conf, text + "\nno_such_setting = 1\n").expect("a file");

    let ended = checkout.program(&[]).run().await;

    assert_eq!(ended.code, Some(1));
    assert!(ended.err.contains("no_such_setting") && ended.err.contains("server.log"), "{}", ended.err);
}
