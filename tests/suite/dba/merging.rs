//! The recipe for user ids that change.

use super::recipe::Recipe;
use super::site::{OWNER, OWNERS, Place, Site, assert_same};
use crate::database::support::texts;

fn script() -> String {
    Recipe::of("Rename a user id, or merge two").sql()
}

async fn merges(place: &Place<'_>, login: &str, old: &str, new: &str) -> Result<String, String> {
    place.psql(login, &[("old", old), ("new", new)], &script()).await
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_user_id_is_renamed_and_ids_and_time_stamps_stay() {
    for login in OWNERS {
        let place = Site::shared().await.with_tasks().await;
        let before = place.audit().await;
        let renamed: Vec<_> =
            place.stored().await.iter().map(|row| row.replace(",alice,", ",o'hara@example.com,")).collect();

        let output = merges(&place, login, "alice", "o'hara@example.com").await.expect("a change");

        assert!(output.contains("UPDATE 0\n") && output.contains("UPDATE 3\n"), "{login}: {output}");
        let mut stored = place.stored().await;
        stored.sort();
        let mut wanted = renamed;
        wanted.sort();
        assert_eq!(stored, wanted, "{login}");
        assert_eq!(place.protection().await, ["t O"], "{login}");
        assert_same(&before, &place.audit().await);
        place.assert_sound().await;
    }
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_user_id_that_is_renamed_to_itself_keeps_the_ids_of_its_tasks() {
    let place = Site::shared().await.with_tasks().await;
    let before = place.stored().await;

    let output = merges(&place, OWNER, "alice", "alice").await.expect("a script");

    assert!(output.contains("UPDATE 0\n"), "{output}");
    assert_eq!(place.stored().await, before);
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn two_users_become_one_even_if_they_have_tasks_of_the_same_id() {
    let place = Site::shared().await.with_tasks().await;
    // As somebody could have inserted it by hand.
    let by_hand = "insert into app.tasks (id, user_id, title) overriding system value
                   select id, 'bob', 'of the same id' from app.tasks where user_id = 'alice' order by id limit 1";
    place.superuser.batch_execute(by_hand).await.expect("a row");
    let titles = "select title from app.tasks where user_id in ('alice', 'bob') order by title";
    let before = texts(&place.superuser, titles).await;

    let output = merges(&place, OWNER, "alice", "bob").await.expect("a merge");

    assert!(output.contains("UPDATE 1\n") && output.contains("UPDATE 3\n"), "{output}");
    let bobs = "select title from app.tasks where user_id = 'bob' order by title";
    assert_eq!(texts(&place.superuser, bobs).await, before);
    place.assert_sound().await;
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_merge_that_fails_changes_nothing_and_leaves_the_protection_on() {
    let place = Site::shared().await.with_tasks().await;
    let (before, stored) = (place.audit().await, place.stored().await);

    let failed = merges(&place, OWNER, "alice", &"x".repeat(256)).await.expect_err("too long");

    assert!(failed.contains("tasks_user_id_length"), "{failed}");
    assert_eq!(place.stored().await, stored);
    assert_eq!(place.protection().await, ["t O"]);
    assert_same(&before, &place.audit().await);
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn no_other_session_sees_the_table_without_its_protection_while_users_are_merged() {
    let place = Site::shared().await.with_tasks().await;
    let before = place.audit().await;
    let script = script().replace(":'old'", "'alice'").replace(":'new'", "'bob'");
    let (lifted, _) = script.split_once("alter table app.tasks enable").expect("the middle of the script");
    let owner = place.client(OWNER).await;
    owner.batch_execute(lifted).await.expect("a transaction that is open");

    let meanwhile = place.rowkeep(&["audit"], "auditor").await;

    assert_eq!(place.protection().await, ["t O"]);
    assert!(meanwhile.err.contains("another session has locked a table"), "{meanwhile:?}");
    owner.batch_execute("rollback").await.expect("an end");
    assert_same(&before, &place.audit().await);
}

#[tokio::test]
async fn an_owner_who_changes_user_ids_with_force_in_place_changes_nothing() {
    let place = Site::shared().await.with_tasks().await;
    let stored = place.stored().await;

    let changed =
        place.psql(OWNER, &[], "update app.tasks set user_id = 'bob' where user_id = 'alice'").await;

    assert_eq!(changed.as_deref(), Ok("UPDATE 0\n"));
    assert_eq!(place.stored().await, stored);
}
