//! The CHECK constraints, at their limits.

use super::support::{Fixture, begin_as};

/// The constraint that refuses the values. None if they are stored unchanged.
async fn broken(fixture: &Fixture, title: &str, description: Option<&str>) -> Option<String> {
    begin_as(&fixture.login, "bob").await;
    let insert = "insert into app.tasks (title, description) values ($1, $2) returning title, description";
    let outcome = fixture.login.query_one(insert, &[&title, &description]).await;
    fixture.login.batch_execute("rollback").await.expect("an end");

    match outcome {
        Ok(row) => {
            assert_eq!((row.get::<_, &str>(0), row.get::<_, Option<&str>>(1)), (title, description));
            None
        }
        Err(error) => {
            let error = error.as_db_error().expect("the server's error").clone();
            Some(error.constraint().unwrap_or_else(|| panic!("{error:?}")).to_owned())
        }
    }
}

#[tokio::test]
async fn a_title_has_1_to_200_characters() {
    let fixture = Fixture::new().await;

    for character in ["x", "é", "字", "👍"] {
        assert_eq!(broken(&fixture, character, None).await, None);
        assert_eq!(broken(&fixture, &character.repeat(200), None).await, None);
        assert_eq!(
            broken(&fixture, &character.repeat(201), None).await.as_deref(),
            Some("tasks_title_length")
        );
    }
    assert!(broken(&fixture, "", None).await.is_some());
}

#[tokio::test]
async fn a_title_of_white_space_is_blank() {
    let fixture = Fixture::new().await;
    // Every character of Unicode's property White_Space, as Rust knows it.
    let spaces: Vec<char> = ('\u{1}'..=char::MAX).filter(|character| character.is_whitespace()).collect();
    assert_eq!(spaces.len(), 25);

    for space in &spaces {
        let title = space.to_string();
        assert_eq!(broken(&fixture, &title, None).await.as_deref(), Some("tasks_title_blank"), "{space:?}");
        assert_eq!(broken(&fixture, &format!("{title}x{title}"), None).await, None, "{space:?}");
    }
    let all: String = spaces.iter().collect();
    assert_eq!(broken(&fixture, &all, None).await.as_deref(), Some("tasks_title_blank"));
}

#[tokio::test]
async fn a_title_that_only_looks_blank_is_a_title() {
    let fixture = Fixture::new().await;

    for title in ["\u{200b}", "\u{feff}", "\u{2060}", "\u{1}", "\\", "u", "0", "n", "\\u00A0"] {
        assert_eq!(broken(&fixture, title, None).await, None, "{title:?}");
    }
}

#[tokio::test]
async fn a_description_has_at_most_1000_characters_or_is_none() {
    let fixture = Fixture::new().await;

    assert_eq!(broken(&fixture, "x", None).await, None);
    assert_eq!(broken(&fixture, "x", Some("")).await, None);
    assert_eq!(broken(&fixture, "x", Some(&"字".repeat(1000))).await, None);
    let too_long = broken(&fixture, "x", Some(&"字".repeat(1001))).await;
    assert_eq!(too_long.as_deref(), Some("tasks_description_length"));
}
