//! The document has the numbers and texts of the database, and the paths of the source.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

use super::description::Description;
use crate::http::routes::ROUTES;
use crate::world::World;

#[tokio::test]
async fn the_lengths_in_the_document_are_those_of_the_constraints() {
    let world = World::shared().await;
    let description = Description::of(&world.anonymous()).await;
    let alice = world.user("alice");
    let schemas = &description.0["components"]["schemas"];
    let longest =
        |schema: &str| "x".repeat(schemas[schema]["maxLength"].as_u64().expect("a length") as usize);
    let (title, text) = (longest("Title"), longest("Description"));

    for (title, text, status) in [
        (title.clone(), text.clone(), 201),
        (format!("{title}x"), text.clone(), 400),
        (title, format!("{text}x"), 400),
    ] {
        let body = serde_json::json!({ "title": title, "description": text });
        assert_eq!(alice.post("/api/tasks", body).await.status(), status);
    }
}

#[tokio::test]
async fn the_pattern_of_a_title_allows_what_the_database_allows() {
    let world = World::shared().await;
    let description = Description::of(&world.anonymous()).await;
    let alice = world.user("alice");
    let title = description.validator(&description.0["components"]["schemas"]["Title"]);
    let spaces = "\u{9}\u{a}\u{b}\u{c}\u{d} \u{85}\u{a0}\u{1680}\u{2000}\u{200a}\u{2028}\u{2029}\u{202f}\u{205f}\u{3000}";

    let mut titles: Vec<String> = spaces.chars().map(String::from).collect();
    titles.extend(
        ["\u{feff}", "\u{200b}", "\u{180e}", "\u{0}", "a\u{0}", " a ", "\n.\n", "𝄞", ""].map(String::from),
    );
    for text in titles {
        let value = Value::from(text.clone());
        let status = alice.post("/api/tasks", serde_json::json!({ "title": text })).await.status();

        assert_eq!(title.is_valid(&value), status == 201, "{text:?}: {status}");
    }
}

#[tokio::test]
async fn the_document_has_the_routes_of_the_server_and_no_others() {
    let world = World::shared().await;
    let description = Description::of(&world.anonymous()).await;

    let documented: BTreeSet<_> = description
        .operations()
        .into_iter()
        .map(|operation| (operation.path, operation.method.to_string()))
        .collect();
    let tested: BTreeSet<_> = ROUTES
        .iter()
        .flat_map(|(path, methods)| methods.iter().map(|method| ((*path).to_owned(), (*method).to_owned())))
        .collect();

    assert_eq!(documented, tested);
    let paths: BTreeSet<_> = documented.into_iter().map(|(path, _)| path).collect();
    // What belongs to the page /docs is no part of the API.
    let own: BTreeSet<_> = paths_in_source().into_iter().filter(|path| !path.starts_with("/docs/")).collect();
    assert_eq!(own, paths);
}

/// Every path that a file of src/http matches.
fn paths_in_source() -> BTreeSet<String> {
    let mut paths = BTreeSet::new();
    let folders = ["src/http", "src/http/documentation"]
        .map(|folder| Path::new(env!("CARGO_MANIFEST_DIR")).join(folder));
    for entry in folders.iter().flat_map(|folder| fs::read_dir(folder).expect("a folder")) {
        let path = entry.expect("an entry").path();
        // The listener for operators is no part of the API.
        if path.ends_with("admin.rs") {
            continue;
        }
        let Ok(text) = fs::read_to_string(&path) else { continue };
        if text.contains("warp::path::end()") {
            paths.insert("/".to_owned());
        }
        for rest in text.split("warp::path!(").skip(1) {
            let segments = rest.split(')').next().expect("the segments").split(" / ").map(|segment| {
                match segment.trim() {
                    "String" => "{id}",
                    "PathUser" => "{user_id}",
                    literal => literal.trim_matches('"'),
                }
            });
            paths.insert(format!("/{}", segments.collect::<Vec<_>>().join("/")));
        }
    }
    paths
}
