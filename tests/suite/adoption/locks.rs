//! An adoption waits for running transactions, and does not wait for ever.

use super::old_server::{OldServer, assert_refused};

#[tokio::test]
async fn an_adoption_waits_for_a_transaction_that_uses_the_table() {
    let old = OldServer::new().await;
    let other = old.database.superuser().await;
    other.batch_execute("begin; lock table app.tasks in access share mode").await.expect("a lock");
    let mut program = old.adopt("public.tasks", &[]).with(&[("LOG_LEVEL", "info")]).start();

    program.says("a table is in use, trying again").await;
    other.batch_execute("commit").await.expect("an end");
    let ended = program.ended().await;

    assert!(ended.out.contains("copied    3 tasks"), "{ended:?}");
}

#[tokio::test]
#[ignore = "takes long, it waits as long as the program does: `make test-all`"]
async fn an_adoption_gives_up_when_a_session_does_not_let_go_of_the_table() {
    let old = OldServer::new().await;
    let other = old.database.superuser().await;
    other.batch_execute("begin; lock table app.tasks in access share mode").await.expect("a lock");

    let ended = old.adopt("public.tasks", &[]).run().await;

    assert_refused(&ended, "another session uses app.tasks all the time: stop the servers");
}

#[tokio::test]
#[ignore = "takes long, it waits as long as the program does: `make test-all`"]
async fn an_adoption_gives_up_when_the_source_is_locked() {
    let old = OldServer::new().await;
    let other = old.database.superuser().await;
    other.batch_execute("begin; lock table public.tasks").await.expect("a lock");

    let ended = old.adopt("public.tasks", &[]).run().await;

    assert_refused(&ended, "cannot read public.tasks: 55P03: canceling statement due to lock timeout");
}

#[tokio::test]
async fn an_adoption_stops_when_the_connection_that_holds_its_lock_is_ended() {
    let old = OldServer::new().await;
    let other = old.database.superuser().await;
    other.batch_execute("begin; lock table app.tasks in access share mode").await.expect("a lock");
    let mut program = old.adopt("public.tasks", &[]).with(&[("LOG_LEVEL", "info")]).start();
    program.says("a table is in use, trying again").await;

    let end = "select pg_terminate_backend(pid) from pg_locks
                where relation = 'rowkeep.lock'::regclass
                  and database = (select oid from pg_database where datname = current_database())";
    assert_eq!(old.admin.query(end, &[]).await.expect("an answer").len(), 1);
    let ended = program.ended().await;

    assert_refused(&ended, "the connection that holds the lock of this database is lost");
    assert_eq!(old.tasks().await, [""; 0]);
}

#[tokio::test]
async fn an_adoption_waits_for_a_migration() {
    let old = OldServer::new().await;
    let other = old.database.superuser().await;
    let lock =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/sql/schema/lock.sql")).expect("a file");
    other.batch_execute(&format!("begin; {lock}")).await.expect("a lock");
    let mut program = old.adopt("public.tasks", &[]).with(&[("LOG_LEVEL", "info")]).start();

    program.says("another process is changing this database, waiting for it").await;
    drop(other);
    let ended = program.ended().await;

    assert!(ended.out.contains("copied    3 tasks"), "{ended:?}");
}
