//! Whatever clients send, the number of series stays the same, and no label shows anything of it.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use http::Method;
use serde_json::json;

use super::scrape::{Series, Watched};
use crate::http::tokens::token_with;
use crate::operation::raw_client::RawClient;
use crate::world::{Answer, Connection, Person};

/// A text that would show up wherever something of a client is repeated.
const MARK: &str = "mark4711";

/// Methods that some server knows, and one that none does.
const METHODS: [&str; 12] = [
    "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "M-SEARCH", "BREW",
    "mark4711",
];

/// Paths of every route with this text where a client can put one, and paths of no route.
fn paths(text: &str) -> Vec<String> {
    [
        "/",
        "/health",
        "/live",
        "/docs",
        "/docs/X",
        "/openapi.json",
        "/X",
        "/api/X",
        "/api/X/X",
        "/api/tasks",
        "/api/tasks/X",
        "/api/tasks/X/complete",
        "/api/tasks/X/X",
        "/api/v1/tasks",
        "/api/v1/tasks/X",
        "/api/v1/tasks/X/toggle",
        "/api/v1/X",
        "/api/X/tasks",
        "/api/X/tasks/X",
        "/api/X/tasks/X/complete",
        "/api/X/tasks/X/X",
        "/X/X/X/X/X/X/X/X/X",
        "/api/tasks?X=X",
        "/api/v1/tasks?sort=X",
    ]
    .map(|path| path.replace('X', text))
    .to_vec()
}

/// Sends requests of every kind with each of these texts: the text decides the method and the kind of user.
async fn sends_everything(watched: &Watched, texts: impl Iterator<Item = String>) -> Vec<Answer> {
    let address = watched.world.server.address;
    let sent = texts.enumerate().map(async |(at, text)| {
        let method = METHODS[at % METHODS.len()];
        let person = match at / METHODS.len() % 4 {
            0 => Person::new(address, &text),
            1 => Person::with_token(address, Some(&text)),
            2 => Person::with_token(address, Some(&token_with(json!({ "sub": text, "iss": text })))),
            _ => Person::with_token(address, None),
        };
        let (mut connection, mut answers) = (Connection::new(address), Vec::new());
        for path in paths(&text) {
            let method = Method::from_bytes(method.as_bytes()).expect("a method");
            let mut request = person.request(method, &path, r#"{"title":"x"}"#);
            for name in ["origin", "x-request-id", "user-agent", "x-forwarded-for", "content-type"] {
                request.headers_mut().insert(name, format!("http://{text}").parse().expect("a header"));
            }
            answers.push(connection.send(request).await);
        }
        answers
    });
    join_all(sent).await.concat()
}

fn begun(series: &BTreeSet<Series>, before: &BTreeSet<Series>) -> Vec<Series> {
    series.difference(before).cloned().collect()
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn thousands_of_paths_methods_and_users_begin_no_series_that_one_of_each_has_not_begun() {
    let watched = Watched::with(&[]).await;
    // Each method meets each kind of user and each path.
    let combinations = METHODS.len() * 4;
    for text in ["", "%41"] {
        sends_everything(&watched, (0..combinations).map(|at| format!("{MARK}{text}-{at}"))).await;
    }
    RawClient::sending(watched.world.server.address, format!("{MARK}\r\n\r\n")).await.reads().await;
    let before = watched.scrape().await.series();

    let answers =
        sends_everything(&watched, (0..combinations).map(|at| format!("{MARK}%4{}.{at}", at % 10))).await;

    assert!(answers.len() > 1000, "{}", answers.len());
    let statuses: BTreeSet<_> = answers.iter().map(Answer::status).collect();
    assert!(statuses.len() > 6, "{statuses:?}");
    let scrape = watched.scrape().await;
    let begun = begun(&scrape.series(), &before);
    assert!(begun.is_empty(), "{begun:?}");
    assert!(!scrape.text.contains(MARK) && !scrape.text.contains("127.0.0.1"), "{}", scrape.text);
}

/// Every series that can begin at all, whatever clients and the database do.
#[tokio::test]
async fn the_number_of_series_has_a_bound() {
    let watched = Watched::with(&[]).await;

    let scrape = watched.scrape().await;

    // 17 routes and none, 8 methods, 20 statuses; a histogram has 17 series.
    let most = 18 * 8 * (20 + 17);
    let http =
        scrape.series().iter().filter(|series| series.name.starts_with("rowkeep_http_request")).count();
    assert!(http < most / 4, "{http} of {most} series begin with the server");
    assert!(scrape.series().len() < 1500, "{}", scrape.series().len());
}
