//! Which origins can be listed, and what the log says about the others.

use http::Method;
use serde_json::Value;

use super::{LISTED, assert_closed, assert_open, preflight, send_with};
use crate::operation::program::Program;
use crate::world::World;

#[tokio::test]
async fn origins_of_apps_and_extensions_can_be_listed() {
    let origins = [
        "tauri://localhost",
        "capacitor://localhost",
        "ionic://localhost",
        "app://-",
        "chrome-extension://nkbihfbeogaeaoehlefnkodbefgpgknn",
        "moz-extension://0a5e6bb9-4a3a-4d0b-9d53-3b0b1f0b6f4a",
    ];
    let world = World::with(&[("CORS_ORIGINS", &origins.join(","))]).await;
    let anonymous = world.anonymous();

    for origin in origins {
        let answer = send_with(&anonymous, Method::GET, "/api/tasks", &[("origin", origin)], "").await;
        assert_open(&answer, origin, origin);
        assert_open(&preflight(&anonymous, "/api/tasks", origin).await, origin, origin);
    }
    for origin in ["tauri://other", "capacitor://localhost:1", "http://localhost", "null"] {
        assert_closed(&preflight(&anonymous, "/api/tasks", origin).await, origin);
    }
}

#[tokio::test]
async fn an_origin_that_stands_for_anybody_stops_the_start_and_the_error_says_why() {
    for (origin, why) in
        [("*", "would let the page of anybody read answers"), ("null", "stands for local files")]
    {
        let list = format!("http://localhost:3000,{origin}");

        let ended = Program::checking_settings().with(&[("CORS_ORIGINS", &list)]).run().await;

        assert_eq!(ended.code, Some(1));
        let wanted = format!("CORS_ORIGINS: {origin:?} {why}");
        assert!(ended.err.contains(&wanted), "{wanted} in\n{}", ended.err);
    }
}

const DEVELOPMENT: (&str, &str) = ("ENVIRONMENT", "development");

#[tokio::test]
async fn in_development_every_port_of_this_machine_is_listed() {
    let world = World::with(&[DEVELOPMENT, ("CORS_ORIGINS", "")]).await;
    let anonymous = world.anonymous();

    for origin in
        ["http://localhost:5173", "https://localhost:3001", "http://127.0.0.1:8080", "http://[::1]:4200"]
    {
        assert_open(&preflight(&anonymous, "/api/tasks", origin).await, origin, origin);
    }
    for origin in ["http://localhost.evil.example:3000", "http://192.168.0.7:3000", "null"] {
        assert_closed(&preflight(&anonymous, "/api/tasks", origin).await, origin);
    }
}

#[tokio::test]
async fn a_list_of_origins_holds_in_development_and_outside_it_only_one_port_is_listed() {
    let listed = World::with(&[DEVELOPMENT, ("CORS_ORIGINS", "http://localhost:4000")]).await;
    let production = World::with(&[("CORS_ORIGINS", "")]).await;

    for (world, open) in [(&listed, "http://localhost:4000"), (&production, LISTED)] {
        let anonymous = world.anonymous();

        assert_open(&preflight(&anonymous, "/api/tasks", open).await, open, open);
        let closed = "http://localhost:5173";
        assert_closed(&preflight(&anonymous, "/api/tasks", closed).await, closed);
    }
}

/// The refused origins that the log names by now, after all requests so far.
async fn refused_origins(world: &World) -> Vec<String> {
    world.anonymous().get("/health/last").await;
    world.server.logs(|event| event["url.path"] == "/health/*").await;
    let events = world.server.log().into_iter().filter_map(|line| serde_json::from_str::<Value>(&line).ok());
    let refused = events.filter(|event| event["message"].as_str().is_some_and(|text| text.contains("CORS")));
    refused
        .map(|event| {
            assert_eq!(event["log.level"], "warn", "{event}");
            event["rowkeep.origin"].as_str().expect("an origin").to_owned()
        })
        .collect()
}

#[tokio::test]
async fn a_refused_origin_is_named_once_in_the_log_with_the_setting() {
    let world = World::new().await;
    let anonymous = world.anonymous();
    for origin in ["https://tasks.example", "null", LISTED, "https://tasks.example"] {
        preflight(&anonymous, "/api/tasks", origin).await;
        send_with(&anonymous, Method::GET, "/api/v1/tasks", &[("origin", origin)], "").await;
    }

    let refused = refused_origins(&world).await;

    assert_eq!(refused, ["https://tasks.example", "null"]);
    for (origin, advice) in [("https://tasks.example", "CORS_ORIGINS"), ("null", "from a web server")] {
        let event = world.server.logs(|event| event["rowkeep.origin"] == origin).await;
        assert!(event["rowkeep.advice"].as_str().is_some_and(|text| text.contains(advice)), "{event}");
    }
}

/// A browser sends `Origin` with every POST, and needs no permission for the page of the same server.
#[tokio::test]
async fn the_origin_of_the_server_itself_is_not_a_refused_origin() {
    let world = World::shared().await;
    let alice = world.user("alice");
    let own = format!("http://{}", world.server.address);
    let behind_proxy = [("origin", "https://tasks.example"), ("sec-fetch-site", "same-origin")];

    for headers in [&[("origin", own.as_str())][..], &behind_proxy] {
        send_with(&alice, Method::POST, "/api/tasks", headers, r#"{"title":"x"}"#).await;
    }

    assert!(refused_origins(&world).await.is_empty());
}

#[tokio::test]
async fn invented_origins_do_not_fill_the_log() {
    let world = World::shared().await;
    let long = format!("https://{}.example", "x".repeat(20_000));
    send_with(&world.anonymous(), Method::GET, "/health", &[("origin", &long)], "").await;
    for number in 0..200 {
        let origin = format!("https://{number}.example");
        send_with(&world.anonymous(), Method::GET, "/live", &[("origin", &origin)], "").await;
    }

    let refused = refused_origins(&world).await;

    // A minute can end in the meantime.
    assert!((1..=40).contains(&refused.len()), "{} lines", refused.len());
    assert!(refused.iter().all(|origin| origin.len() <= 200), "{refused:?}");
}
