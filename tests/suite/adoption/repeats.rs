//! An adoption into a database that has tasks already: of users of Rowkeep, or of an earlier adoption.

use super::old_server::{OldServer, assert_refused};
use crate::database::support::{begin_as, creates, texts};

/// Every row with the transaction that wrote it.
const ROWS: &str = "select concat(xmin, ' ', t) from app.tasks t order by id";

/// Changes when the sequence is set with ALTER TABLE.
const SEQUENCE: &str = "select relfilenode::text from pg_class where oid = 'app.tasks_id_seq'::regclass";

/// Puts the sequence far behind every id.
const AHEAD: &str = "select setval('app.tasks_id_seq', 2000)";

/// Asserts that nothing but the proof of the audit has taken numbers of the sequence since [`AHEAD`]: it takes a few.
async fn assert_is_ahead(old: &OldServer) {
    let last = texts(&old.admin, "select last_value::text from app.tasks_id_seq").await;
    assert!(last[0].parse().is_ok_and(|last: i64| (2000..2100).contains(&last)), "{last:?}");
}

#[tokio::test]
async fn a_preview_says_what_would_be_done_and_changes_nothing() {
    let old = OldServer::new().await;
    let before = old.written().await;

    let ended = old.previews().await;

    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""), "{ended:?}");
    let end = "tasks     3, ids 3 to 9\n\
               users     2, such as \"alice\": their tokens must have these ids\n\
               copy      3 tasks\n\
               new ids   from 10 on (now from 1 on)\n\
               nothing was changed: this was a preview (--dry-run)\n";
    assert!(ended.out.ends_with(end), "{}", ended.out);
    assert_eq!(old.written().await, before);
}

#[tokio::test]
async fn a_second_run_copies_only_what_is_missing() {
    let old = OldServer::new().await;
    old.adopts().await;
    let first = texts(&old.admin, ROWS).await;
    let late = "insert into public.tasks values (8, 'bob', 'late', null, false, '2026-01-13', '2026-01-13')";
    old.admin.batch_execute(late).await.expect("a task");

    let ended = old.adopts().await;

    let plan = "copy      1 task; in Rowkeep already, with the same content: 3\nnew ids   from ";
    assert!(ended.out.contains(plan) && ended.out.contains("copied    1 task;"), "{ended:?}");
    let then = texts(&old.admin, ROWS).await;
    assert!(first.iter().all(|row| then.contains(row)) && then.len() == 4, "{first:?}\n{then:?}");
}

#[tokio::test]
async fn a_run_with_nothing_to_copy_writes_nothing() {
    let old = OldServer::new().await;
    old.adopts().await;
    old.admin.batch_execute(AHEAD).await.expect("a sequence");
    let before = (texts(&old.admin, ROWS).await, texts(&old.admin, SEQUENCE).await);

    let ended = old.adopts().await;

    assert!(ended.out.contains("copied    0 tasks"), "{ended:?}");
    assert_eq!((texts(&old.admin, ROWS).await, texts(&old.admin, SEQUENCE).await), before);
    assert_is_ahead(&old).await;
}

#[tokio::test]
async fn an_empty_table_is_adopted() {
    let old = OldServer::with(super::old_server::TASKS).await;

    let ended = old.adopts().await;

    assert!(
        ended.out.contains("tasks     0\nusers     0\ncopy      0 tasks\nnew ids   from 1 on\n"),
        "{ended:?}"
    );
}

#[tokio::test]
async fn a_task_that_was_changed_since_is_named_and_not_overwritten() {
    let old = OldServer::new().await;
    old.adopts().await;
    let login = old.database.client("rowkeep_login").await;
    begin_as(&login, "alice").await;
    login
        .batch_execute("update app.tasks set title = 'changed here' where id = 3; commit")
        .await
        .expect("a change");
    old.admin.batch_execute("update public.tasks set completed = true where id = 9").await.expect("a change");
    let before = old.written().await;

    let ended = old.adopt("public.tasks", &[]).run().await;

    assert_refused(&ended, "2 of 3 rows cannot be adopted");
    let changed = "the task is in Rowkeep with other content: it was changed here or there";
    assert!(ended.out.ends_with(&format!("row 3: {changed}\n          row 9: {changed}\n")), "{ended:?}");
    assert_eq!(old.written().await, before);
}

#[tokio::test]
async fn ids_that_tasks_of_other_users_have_are_named() {
    let old = OldServer::new().await;
    let login = old.database.client("rowkeep_login").await;
    let ids = [
        creates(&login, "carol", "one").await,
        creates(&login, "carol", "two").await,
        creates(&login, "carol", "x").await,
    ];
    let before = old.written().await;

    let ended = old.adopt("public.tasks", &[]).run().await;

    assert_eq!(ids, [1, 2, 3]);
    assert_refused(&ended, "1 of 3 rows cannot be adopted");
    assert!(ended.out.ends_with("row 3: a task of another user has this id in Rowkeep\n"), "{ended:?}");
    assert_eq!(old.written().await, before);
}

#[tokio::test]
async fn the_sequence_stays_where_it_is_if_it_is_behind_every_id_already() {
    let old = OldServer::new().await;
    let login = old.database.client("rowkeep_login").await;
    old.admin
        .batch_execute("alter table app.tasks alter column id restart with 100")
        .await
        .expect("a sequence");
    creates(&login, "carol", "hers").await;
    old.admin.batch_execute(AHEAD).await.expect("a sequence");
    let before = texts(&old.admin, SEQUENCE).await;

    let ended = old.adopts().await;

    assert!(ended.out.contains("new ids   from 2001 on\n"), "{ended:?}");
    assert_eq!(texts(&old.admin, SEQUENCE).await, before);
    assert_is_ahead(&old).await;
}
