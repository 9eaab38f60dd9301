//! Recipes about the tasks of one user.

use std::os::unix::fs::PermissionsExt;

use super::recipe::Recipe;
use super::site::{OWNER, Site, assert_same};

#[tokio::test]
async fn a_user_is_deleted_with_a_count_and_all_others_keep_their_tasks() {
    let place = Site::shared().await.with_tasks().await;
    let before = place.audit().await;
    let delete = Recipe::of("Delete a user").sql();

    for (login, user) in [(OWNER, "alice"), ("postgres", "bob"), ("rowkeep_login", "carol")] {
        let mut kept = place.stored().await;
        kept.retain(|row| !row.contains(&format!(",{user},")));

        let deleted = place.psql(login, &[("user", user)], &delete).await.expect("a deletion");
        let again = place.psql(login, &[("user", user)], &delete).await.expect("nothing to delete");

        assert!(deleted.contains("DELETE 3\n"), "{login}: {deleted}");
        assert!(again.contains("DELETE 0\n"), "{login}: {again}");
        assert_eq!(place.stored().await, kept, "{login}");
    }
    assert_same(&before, &place.audit().await);
    place.assert_sound().await;
}

#[tokio::test]
async fn an_owner_who_deletes_without_an_identity_deletes_nothing() {
    let place = Site::shared().await.with_tasks().await;
    let stored = place.stored().await;

    let deleted = place.psql(OWNER, &[], "delete from app.tasks where user_id = 'alice'").await;

    assert_eq!(deleted.as_deref(), Ok("DELETE 0\n"));
    assert_eq!(place.stored().await, stored);
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn an_export_for_support_has_the_tasks_of_one_user_and_only_its_owner_can_read_it() {
    let place = Site::shared().await.with_tasks().await;
    let before = place.audit().await;
    let mut recipe = Recipe::of("Show one user's tasks to support");
    let (sql, sh) = (recipe.sql(), recipe.sh());
    place.directory.write("one-user.sql", &sql);

    for login in [OWNER, "postgres", "rowkeep_login"] {
        place.sh(&sh, &[("MIGRATION_DATABASE_URL", &place.url(login))]).await;

        let file = place.directory.0.join("alice.csv");
        let text = std::fs::read_to_string(&file).expect("an export");
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], "id,title,description,completed,created_at,updated_at", "{login}");
        assert_eq!(lines.len(), 4, "{login}: {text}");
        assert!(lines[1..].iter().all(|line| line.contains("a secret of alice")), "{login}: {text}");
        let mode = std::fs::metadata(&file).expect("a file").permissions().mode();
        assert_eq!(mode & 0o077, 0, "{login}: {mode:o}");
        std::fs::remove_file(&file).expect("a file");
    }
    assert_same(&before, &place.audit().await);
}
