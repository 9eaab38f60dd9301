//! The protection of `app.tasks` is as before, however an adoption ends.

use super::old_server::{OldServer, assert_refused};
use crate::database::support::texts;
use crate::operation::overload::eventually;

/// The backends of `rowkeep` that run a statement that begins like this.
fn running(statement: &str) -> String {
    format!(
        "select pid::text from pg_stat_activity
          where datname = current_database() and application_name like 'rowkeep %' and pid <> pg_backend_pid()
            and state = 'active' and query ~ '{statement}'"
    )
}

/// Makes each insert slow.
const SLOW_INSERT: &str = "
    create function public.slow() returns trigger language plpgsql as 'begin perform pg_sleep(1); return new; end';
    create trigger slow before insert on app.tasks for each row execute function public.slow();";

#[tokio::test]
async fn nothing_of_the_catalogue_is_changed_by_an_adoption() {
    let old = OldServer::new().await;
    let before = old.catalogue().await;

    old.adopts().await;

    assert_eq!(old.catalogue().await, before);
}

#[tokio::test]
async fn nothing_is_changed_when_the_program_is_killed_while_the_protection_is_lifted() {
    let old = OldServer::new().await;
    old.admin.batch_execute(SLOW_INSERT).await.expect("a trigger");
    let (before, written) = (old.catalogue().await, old.written().await);
    let program = old.adopt("public.tasks", &[]).start();
    let inserts = async || texts(&old.admin, &running("insert into app.tasks")).await.len() == 1;
    eventually("it inserts", inserts).await;

    program.signal("KILL");
    let ended = async || texts(&old.admin, &running("insert into app.tasks")).await.is_empty();
    eventually("the backend ends", ended).await;

    assert_eq!(old.catalogue().await, before);
    assert_eq!(old.written().await, written);
}

#[tokio::test]
async fn a_stop_signal_ends_an_adoption_without_a_change() {
    let old = OldServer::new().await;
    old.admin.batch_execute(SLOW_INSERT).await.expect("a trigger");
    let (before, written) = (old.catalogue().await, old.written().await);
    let program = old.adopt("public.tasks", &[]).start();
    let inserts = async || texts(&old.admin, &running("insert into app.tasks")).await.len() == 1;
    eventually("it inserts", inserts).await;

    program.signal("TERM");
    let ended = program.ended().await;

    assert_refused(&ended, "stopped");
    assert_eq!(old.written().await, written);
    assert_eq!(old.catalogue().await, before);
}

#[tokio::test]
async fn a_copy_that_is_not_the_source_is_undone() {
    let old = OldServer::new().await;
    let change = "create function public.cut() returns trigger language plpgsql as
                  'begin new.title := left(new.title, 3); return new; end';
                  create trigger cut before insert on app.tasks for each row execute function public.cut()";
    old.admin.batch_execute(change).await.expect("a trigger");
    let (before, written) = (old.catalogue().await, old.written().await);

    let ended = old.adopt("public.tasks", &[]).run().await;

    assert_refused(&ended, "the tasks of 2 users differ from the source after the copy: nothing was changed");
    assert_eq!(old.catalogue().await, before);
    assert_eq!(old.written().await, written);
}

#[tokio::test]
async fn an_error_during_the_insert_undoes_everything() {
    let old = OldServer::new().await;
    let fail = "create function public.fail() returns trigger language plpgsql as
                'begin if new.id = 9 then raise ''no room''; end if; return new; end';
                create trigger fail before insert on app.tasks for each row execute function public.fail()";
    old.admin.batch_execute(fail).await.expect("a trigger");
    let (before, written) = (old.catalogue().await, old.written().await);

    let ended = old.adopt("public.tasks", &[]).run().await;

    assert_refused(&ended, "cannot insert the tasks: P0001: no room");
    assert_eq!(old.catalogue().await, before);
    assert_eq!(old.written().await, written);
}

#[tokio::test]
async fn a_database_that_is_not_as_declared_is_refused_before_anything_is_done() {
    let old = OldServer::new().await;
    let loosen = "alter table app.tasks no force row level security; alter table app.tasks enable always trigger tasks_touch";
    old.admin.batch_execute(loosen).await.expect("a loosened table");
    let before = old.catalogue().await;

    let ended = old.adopt("public.tasks", &[]).run().await;

    assert_refused(&ended, "objects that this release needs are missing or changed");
    assert_eq!(old.catalogue().await, before);
}

#[tokio::test]
async fn an_audit_that_fails_afterwards_is_told_by_the_exit_code() {
    let old = OldServer::new().await;
    old.admin.batch_execute("create policy open on app.tasks using (true)").await.expect("a policy");

    let ended = old.adopts().await;

    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(
        ended.out.contains("isolation: NOT HELD")
            && ended.err.contains("the tasks are copied, but the audit has"),
        "{ended:?}"
    );
    assert_eq!(old.tasks().await.len(), 3);
}
