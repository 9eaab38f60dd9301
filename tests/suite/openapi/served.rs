//! `/`, `/openapi.json` and `rowkeep openapi`.

use http::Method;
use http::header::{IF_NONE_MATCH, ORIGIN};
use serde_json::{Value, json};

use super::description::Description;
use super::docs_page::files;
use crate::operation::program::Program;
use crate::world::{World, send};

#[tokio::test]
async fn the_root_leads_to_the_documentation() {
    let world = World::shared().await;
    let anonymous = world.anonymous();

    let root = anonymous.get("/").await;

    assert_eq!(root.status(), 200);
    for (name, path) in root.json().as_object().expect("an object") {
        if name != "name" && name != "version" {
            assert_eq!(anonymous.get(path.as_str().expect("a path")).await.status(), 200, "{name}");
        }
    }
}

#[tokio::test]
async fn the_document_is_sent_again_only_if_it_has_changed() {
    let world = World::shared().await;
    let anonymous = world.anonymous();
    let first = anonymous.get("/openapi.json").await;
    let tag = first.header("etag").to_owned();

    for (tags, status) in
        [(tag.as_str(), 304), (&format!("\"x\", {tag}"), 304), ("*", 304), ("\"x\"", 200), ("x", 200)]
    {
        let mut request = anonymous.request(Method::GET, "/openapi.json", "");
        request.headers_mut().insert(IF_NONE_MATCH, tags.parse().expect("a value"));
        let again = send(anonymous.address, request).await;

        assert_eq!(again.status(), status, "{tags}");
        assert_eq!(again.body.is_empty(), status == 304, "{tags}");
        assert_eq!(
            (again.header("etag"), again.header("cache-control")),
            (tag.as_str(), "no-cache"),
            "{tags}"
        );
    }
}

#[tokio::test]
async fn a_page_of_a_listed_origin_may_read_the_document() {
    let world = World::with(&[("CORS_ORIGINS", "http://localhost:3000")]).await;
    let anonymous = world.anonymous();
    let mut request = anonymous.request(Method::GET, "/openapi.json", "");
    request.headers_mut().insert(ORIGIN, "http://localhost:3000".parse().expect("an origin"));

    let answer = send(anonymous.address, request).await;

    assert_eq!(answer.header("access-control-allow-origin"), "http://localhost:3000");
    assert!(answer.header("access-control-expose-headers").contains("etag"), "{answer:?}");
}

#[tokio::test]
async fn the_documentation_does_not_count_against_a_rate_limit() {
    let world = World::with(&[("RATE_LIMIT", "1")]).await;
    let files = files(&world.anonymous().get("/docs").await);
    assert!(!files.is_empty());
    let paths = ["/openapi.json", "/", "/docs"].map(str::to_owned).into_iter().chain(files);
    let paths: Vec<_> = paths.collect();

    for person in [world.anonymous(), world.user("alice"), world.bearer("nonsense")] {
        for path in &paths {
            for _ in 0..4 {
                assert_eq!(person.get(path).await.status(), 200, "{path}");
            }
        }
    }
}

#[tokio::test]
async fn the_command_prints_the_document_of_its_settings_without_a_database() {
    let envelope = ("LIST_ENVELOPE", "v1_tasks=items,total,limit,offset; tasks=tasks,count");
    let world = World::with(&[envelope]).await;
    let served = Description::of(&world.anonymous()).await;

    for settings in [&[envelope][..], &[envelope, ("DATABASE_URL", "postgres://a.invalid/x")]] {
        let ended = Program::new(&["openapi"]).with(settings).run().await;

        let printed: Value =
            serde_json::from_str(&ended.out).unwrap_or_else(|error| panic!("{error}: {ended:?}"));
        assert_eq!(printed, served.0);
    }
}

#[tokio::test]
async fn lists_in_the_document_have_the_envelope_of_the_setting() {
    let world = World::with(&[(
        "LIST_ENVELOPE",
        "v1_tasks=items,total,limit,offset; tasks=tasks,count; user_tasks=data,total",
    )])
    .await;
    let alice = world.user("alice");
    alice.creates(json!({ "title": "buy milk" })).await;
    let description = Description::of(&alice).await;

    let lists = description.operations().into_iter().filter(|operation| operation.id().starts_with("list"));
    let mut seen = 0;
    for operation in lists {
        let path = operation.path.replace("{user_id}", "alice");
        let answer = alice.get(&path).await;

        assert!(answer.json().is_object(), "{path}");
        assert_eq!(description.faults(&operation, &answer), [""; 0], "{path}");
        let example = &operation.value["responses"]["200"]["content"]["application/json"]["example"];
        let names = |value: &Value| value.as_object().expect("an object").keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(example), names(&answer.json()), "{path}");
        seen += 1;
    }
    assert_eq!(seen, 3);
}
