//! Which columns a source has and may have.

use super::old_server::{OldServer, TASKS, assert_refused};
use crate::database::support::texts;

#[tokio::test]
async fn columns_with_other_names_are_named_and_missing_ones_are_made_up() {
    let old = OldServer::with(
        "create table public.todo (id int, title text, is_completed boolean, owner_id int, created_at timestamptz, priority int,
                                   deleted_at timestamptz);
         insert into public.todo values (5, 'x', true, 7, '2026-01-01 00:00+00', 3, null);",
    )
    .await;

    let ended =
        old.applies("todo", &["--user-column", "owner_id", "--completed-column", "is_completed"]).await;

    assert_eq!(old.tasks().await, [r#"(5,7,x,,t,"2026-01-01 00:00:00+00","2026-01-01 00:00:00+00")"#]);
    for line in [
        "user_id     <- owner_id integer",
        "description <- null: the source has no such column",
        "completed   <- is_completed boolean",
        "updated_at  <- created_at: the source has no such column",
        "ignored   priority, deleted_at",
        "tasks that the old server hides by deleted_at come back",
    ] {
        assert!(ended.out.contains(line), "{line}\n{ended:?}");
    }
}

#[tokio::test]
async fn the_name_of_a_column_cannot_begin_a_line() {
    let name = "deleted\nnew ids   forged\u{1b}[2J\u{202e}";
    let old =
        OldServer::with(&format!("{TASKS} alter table public.tasks add column \"{name}\" integer;")).await;

    let ended = old.adopts().await;

    assert!(ended.out.contains(r"ignored   deleted\nnew ids   forged\u{1b}[2J\u{202e}"), "{ended:?}");
    assert!(!ended.out.contains("\nnew ids   forged") && !ended.out.contains('\u{1b}'), "{ended:?}");
}

#[tokio::test]
async fn a_task_that_was_never_updated_was_updated_when_it_was_created() {
    let old = OldServer::with(&format!(
        "{TASKS} alter table public.tasks alter column updated_at drop not null;
         insert into public.tasks values (1, 'alice', 'x', null, false, '2026-01-01', null);"
    ))
    .await;

    let ended = old.adopts().await;

    assert!(ended.out.contains("created_at where it is null"), "{ended:?}");
    let updated = "select (updated_at at time zone 'UTC')::text from app.tasks";
    assert_eq!(texts(&old.admin, updated).await, ["2026-01-01 00:00:00"]);
}

#[tokio::test]
async fn columns_that_no_task_can_have_are_refused_with_what_to_do() {
    let old = OldServer::with("").await;

    for (change, message) in [
        (
            "alter column id drop default; alter table tasks alter column id type uuid using gen_random_uuid()",
            "public.tasks has a column id of type uuid, and a task's id is an integer in Rowkeep: the tasks cannot keep their ids",
        ),
        (
            "rename user_id to owner_id",
            "public.tasks has no column user_id: name the column with the user's id, --user-column NAME (its columns: id, owner_id, \
             title, description, completed, created_at, updated_at)",
        ),
        (
            "alter column user_id type json using '{}'",
            "of type json, and a user's id must be a text, an integer or a UUID",
        ),
        (
            "rename completed to done",
            "public.tasks has no column completed: name the column that says whether",
        ),
        (
            "alter column completed type int using 0",
            "of type integer, and whether a task is completed must be a boolean",
        ),
        ("alter column created_at type date", "of type date, and it must be a timestamp"),
        ("drop column created_at", "public.tasks has no column created_at (its columns"),
        ("drop column title", "public.tasks has no column title"),
    ] {
        let table = format!("drop table if exists public.tasks; {TASKS} alter table public.tasks {change}");
        old.admin.batch_execute(&table).await.expect("an old table");

        let ended = old.previews().await;

        assert_refused(&ended, message);
    }
}
