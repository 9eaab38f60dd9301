//! The page in a real browser, with the shipped program and a real Better Auth server behind it.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::running::Example;
use crate::operation::database_outage::StoppableDatabase;

#[tokio::test]
#[ignore = "needs Chromium and Better Auth on Node.js: `make test-all`"]
async fn two_people_in_two_browsers_never_see_each_others_tasks() {
    let example = Example::start().await;

    example.browse("example-two-people.mjs", &[]).await;
}

#[tokio::test]
#[ignore = "needs Chromium and Better Auth on Node.js: `make test-all`"]
async fn a_person_pages_filters_searches_edits_completes_and_deletes_tasks() {
    let example = Example::start().await;

    example.browse("example-tasks.mjs", &[]).await;
}

#[tokio::test]
#[ignore = "needs Chromium and Better Auth on Node.js: `make test-all`"]
async fn the_list_and_its_heading_stay_true_while_a_person_changes_tasks() {
    let example = Example::start().await;

    example.browse("example-list.mjs", &[]).await;
}

#[tokio::test]
#[ignore = "needs Chromium and Better Auth on Node.js: `make test-all`"]
async fn saving_an_edit_changes_nothing_that_was_not_typed() {
    let example = Example::start().await;

    example.browse("example-edit.mjs", &[]).await;
}

#[tokio::test]
#[ignore = "needs Chromium and Better Auth on Node.js: `make test-all`"]
async fn the_page_can_be_opened_at_localhost() {
    let example = Example::start().await;

    example.browse("example-localhost.mjs", &[]).await;
}

#[tokio::test]
#[ignore = "needs Chromium and Better Auth on Node.js: `make test-all`"]
async fn the_page_shows_the_servers_sentence_beside_what_was_typed_and_keeps_it() {
    let example = Example::start().await;

    example.browse("example-refusals.mjs", &[]).await;
}

#[tokio::test]
#[ignore = "needs Chromium and Better Auth on Node.js: `make test-all`"]
async fn tokens_are_renewed_and_a_session_that_ends_loses_no_text_and_shows_nobody_elses() {
    let example = Example::start().await;

    example.browse("example-session.mjs", &[]).await;
}

#[tokio::test]
#[ignore = "needs Chromium and Better Auth on Node.js: `make test-all`"]
async fn the_page_can_be_used_without_a_mouse() {
    let example = Example::start().await;

    example.browse("example-keyboard.mjs", &[]).await;
}

#[tokio::test]
#[ignore = "needs Chromium and Better Auth on Node.js: `make test-all`"]
async fn axe_finds_nothing_in_any_state_of_the_page() {
    let example = Example::start().await;

    for device in ["desktop", "phone", "narrow"] {
        example.browse("example-accessibility.mjs", &[("DEVICE", device)]).await;
    }
}

#[tokio::test]
#[ignore = "needs Chromium and Better Auth on Node.js: `make test-all`"]
async fn a_page_that_is_open_survives_a_database_that_goes_away_and_comes_back() {
    let database = StoppableDatabase::start().await;
    let example = Example::on(&database.url()).await;
    let control = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = format!("http://{}", control.local_addr().expect("an address"));

    let variables = [("DATABASE", address.as_str())];

    tokio::select! {
        () = example.browse("example-outage.mjs", &variables) => {}
        () = obeys(control, database) => {}
    }
}

/// Stops and starts the database, as requests to `/stops` and `/starts` say.
async fn obeys(control: TcpListener, mut database: StoppableDatabase) {
    loop {
        let (mut client, _) = control.accept().await.expect("a client");
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            client.read_buf(&mut request).await.expect("a request");
        }
        if request.starts_with(b"GET /stops ") {
            database.stops("INT").await;
        } else {
            database.starts_again().await;
        }
        let answer = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";
        client.write_all(answer).await.expect("an answer");
    }
}
