//! The rules for titles and descriptions. The database checks them, and its constraint comments are the messages.

use serde_json::json;

use super::contracts::CONTRACTS;
use crate::world::{Database, World};

/// The comment of a constraint.
async fn comment(database: &Database, constraint: &str) -> String {
    let query = "select obj_description(oid, 'pg_constraint') from pg_constraint where conname = $1";
    let row = database.superuser().await.query_one(query, &[&constraint]).await.expect("a constraint");
    row.get::<_, Option<String>>(0).expect("a comment")
}

#[tokio::test]
async fn texts_are_stored_and_returned_as_they_were_sent() {
    let world = World::shared().await;
    let alice = world.user("alice");

    for text in [
        "buy milk",
        " buy milk ",
        "\tbuy\r\nmilk\n",
        "\u{3000}buy milk\u{a0}",
        "\u{200b}",
        "\u{feff}",
        "\u{2060}",
        "\u{180e}",
        "\u{1c}\u{1f}",
        "\u{1}\u{7f}\u{9f}",
        "it's \"quoted\" \\ and $1 {id} %s <b>&amp;</b>",
        "'; drop table app.tasks; --",
        "e\u{301} is not \u{e9}",
        "\u{202e}klim yub",
        "牛乳を買う",
        "👩‍👩‍👧‍👦 🏴󠁧󠁢󠁳󠁣󠁴󠁿",
        "\u{fdd0}\u{ffff}\u{10ffff}",
        "null",
    ] {
        for contract in CONTRACTS {
            let body = json!({ "title": text, "description": text });
            let created = alice.post(&contract.tasks(&alice), body.clone()).await;
            let path = contract.task(&alice, &created.json()["id"]);
            let replaced = alice.put(&path, body).await;

            assert_eq!((created.status(), replaced.status()), (201, 200), "{contract} {text:?}");
            for task in [created.json(), replaced.json(), alice.get(&path).await.json()] {
                let texts = (task["title"].as_str(), task["description"].as_str());
                assert_eq!(texts, (Some(text), Some(text)), "{contract}");
            }
        }
    }
}

#[tokio::test]
async fn a_surrogate_pair_is_one_character() {
    let world = World::shared().await;
    let alice = world.user("alice");

    let body = r#"{"title":"\ud83e\udd5b \u006dilk","description":"\u00e9\/\n"}"#;
    let task = alice.send(http::Method::POST, "/api/tasks", body).await.json();

    assert_eq!((&task["title"], &task["description"]), (&json!("🥛 milk"), &json!("é/\n")));
}

#[tokio::test]
async fn lengths_are_counted_in_code_points() {
    let world = World::shared().await;
    let alice = world.user("alice");

    for contract in CONTRACTS {
        for (title, description, fits) in [
            ("a".repeat(200), "a".repeat(1000), true),
            ("🥛".repeat(200), "🥛".repeat(1000), true),
            ("e\u{301}".repeat(100), "e\u{301}".repeat(500), true),
            ("a".into(), String::new(), true),
            ("a".repeat(201), String::new(), false),
            ("🥛".repeat(201), String::new(), false),
            ("e\u{301}".repeat(100) + "e", String::new(), false),
            ("a".repeat(10_000), String::new(), false),
            // Nothing is trimmed, not even to make it fit.
            ("a".repeat(200) + " ", String::new(), false),
            ("a".into(), "a".repeat(1001), false),
            ("a".into(), "🥛".repeat(1001), false),
            ("a".into(), " ".repeat(1001), false),
        ] {
            let label = format!("{contract} {} and {}", title.chars().count(), description.chars().count());
            let task = alice.creates(json!({ "title": "buy milk", "description": "two" })).await;
            let body = json!({ "title": title, "description": description });
            let created = alice.post(&contract.tasks(&alice), body.clone()).await;
            let replaced = alice.put(&contract.task(&alice, &task["id"]), body.clone()).await;

            if fits {
                assert_eq!((created.status(), replaced.status()), (201, 200), "{label}");
                for answer in [created.json(), replaced.json()] {
                    let texts = (&answer["title"], &answer["description"]);
                    assert_eq!(texts, (&body["title"], &body["description"]), "{label}");
                }
            } else {
                contract.refuses(&created, contract.invalid, &label);
                contract.refuses(&replaced, contract.invalid, &label);
                assert_eq!(alice.reads(&task["id"]).await, task, "{label}");
            }
        }
    }
}

#[tokio::test]
async fn a_description_may_be_blank() {
    let world = World::shared().await;
    let alice = world.user("alice");

    for description in ["", " ", "\u{3000}\n"] {
        let task = alice.creates(json!({ "title": "buy milk", "description": description })).await;

        assert_eq!(task["description"], description);
    }
}

#[tokio::test]
async fn a_title_of_white_space_alone_is_refused() {
    let world = World::shared().await;
    let alice = world.user("alice");
    let wanted = comment(&world.database, "tasks_title_blank").await;
    let white_space: Vec<char> = ('\0'..=char::MAX).filter(|char| char.is_whitespace()).collect();
    assert_eq!(white_space.len(), 25, "Unicode White_Space");

    for char in white_space {
        for title in [String::from(char), format!("  {char}\n")] {
            let answer = alice.post("/api/tasks", json!({ "title": title })).await;

            assert_eq!((answer.status(), answer.detail()), (400, wanted.clone()), "{title:?}");
        }
        let around = format!("{char}x{char}");
        assert_eq!(alice.creates(json!({ "title": around })).await["title"], around, "{char:?}");
    }
}

#[tokio::test]
async fn a_blank_title_is_refused_in_every_contract() {
    let world = World::shared().await;
    let alice = world.user("alice");
    let task = alice.creates(json!({ "title": "buy milk" })).await;
    let wanted = comment(&world.database, "tasks_title_blank").await;

    for contract in CONTRACTS {
        for title in ["", " ", "\t\n", "\u{a0}"] {
            let created = alice.post(&contract.tasks(&alice), json!({ "title": title })).await;
            let path = contract.task(&alice, &task["id"]);
            let replaced = alice.put(&path, json!({ "title": title })).await;

            for answer in [created, replaced] {
                contract.refuses(&answer, contract.invalid, format!("{contract} {title:?}"));
                assert_eq!(answer.detail(), wanted, "{contract} {title:?}");
            }
        }
    }
    assert_eq!(alice.get("/api/tasks").await.json(), json!([task]));
}

#[tokio::test]
async fn the_client_reads_the_comment_of_the_constraint() {
    let world = World::shared().await;
    let alice = world.user("alice");
    let task = alice.creates(json!({ "title": "buy milk" })).await;

    for (constraint, body) in [
        ("tasks_title_blank", json!({ "title": " " })),
        ("tasks_title_length", json!({ "title": "x".repeat(201) })),
        ("tasks_description_length", json!({ "title": "x", "description": "x".repeat(1001) })),
    ] {
        let wanted = comment(&world.database, constraint).await;
        for contract in CONTRACTS {
            let created = alice.post(&contract.tasks(&alice), body.clone()).await;
            let replaced = alice.put(&contract.task(&alice, &task["id"]), body.clone()).await;

            assert_eq!(created.detail(), wanted, "{contract} {constraint}");
            assert_eq!(replaced.detail(), wanted, "{contract} {constraint}");
        }
    }
}

#[tokio::test]
async fn a_client_reads_the_changed_comment_of_a_constraint() {
    let database = Database::new().await;
    let change = "comment on constraint tasks_title_length on app.tasks is
                  'le titre compte de 1 à 200 caractères, \"jamais\" plus'";
    database.superuser().await.batch_execute(change).await.expect("a comment");
    let world = World::on(database, &[]).await;

    let answer = world.user("alice").post("/api/tasks", json!({ "title": "x".repeat(201) })).await;

    assert_eq!(answer.detail(), "le titre compte de 1 à 200 caractères, \"jamais\" plus");
}

#[tokio::test]
async fn u_0000_is_refused_like_any_value() {
    let world = World::shared().await;
    let alice = world.user("alice");
    let task = alice.creates(json!({ "title": "buy milk" })).await;

    for contract in CONTRACTS {
        for body in [
            r#"{"title":"buy\u0000milk"}"#,
            r#"{"title":"\u0000"}"#,
            r#"{"title":"buy milk","description":"two\u0000litres"}"#,
        ] {
            let path = contract.tasks(&alice);
            let created = alice.send(http::Method::POST, &path, body).await;
            let path = contract.task(&alice, &task["id"]);
            let replaced = alice.send(http::Method::PUT, &path, body).await;

            contract.refuses(&created, contract.invalid, format!("{contract} POST {body}"));
            contract.refuses(&replaced, contract.invalid, format!("{contract} PUT {body}"));
        }
    }
    assert_eq!(alice.get("/api/tasks").await.json(), json!([task]));
}
