//! An audit of a database that others use meanwhile, an audit of broken policies, and an audit that is killed.

use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::audit::audit;
use crate::database::support::{begin_as, creates, texts};
use crate::world::Database;

const BROKEN_POLICIES: &str =
    "drop policy fence on app.tasks; alter policy owner_only on app.tasks using (true) with check (true)";

/// A database with a thousand tasks of a hundred users.
async fn with_tasks() -> Database {
    let database = Database::new().await;
    let fill = "
        alter table app.tasks no force row level security;
        insert into app.tasks (user_id, title) select 'user ' || n % 100, 'task ' || n from generate_series(1, 1000) n;
        alter table app.tasks force row level security;
        vacuum analyze app.tasks";
    let admin = database.superuser().await;
    for statement in fill.split(';') {
        admin.batch_execute(statement).await.expect(statement);
    }
    database
}

/// The locks of the test let everything through that reads and writes rows, and nothing that would make a writer wait
/// (PostgreSQL manual, "Table-Level Locks").
#[tokio::test]
async fn an_audit_and_writers_do_not_wait_for_one_another() {
    let database = with_tasks().await;
    let admin = database.superuser().await;
    let locks = "begin; lock table app.tasks in share update exclusive mode;
                 select from app.tasks for update; update app.tasks set completed = true";
    admin.batch_execute(locks).await.expect("locks");
    let login = database.client("rowkeep_login").await;

    let program = audit(&database.url("postgres"));
    let ended = timeout(Duration::from_secs(30), async {
        // Others go on writing while it runs.
        let writing = async {
            loop {
                creates(&login, "carol", "meanwhile").await;
                sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::select! {
            ended = program.run() => ended,
            () = writing => unreachable!(),
        }
    });
    let ended = ended.await.expect("it ends while others hold locks");

    assert_eq!(ended.code, Some(0), "{}{}", ended.out, ended.err);
    assert!(ended.out.contains("app.tasks: 14 of 14 statements"), "{}", ended.out);
    admin.batch_execute("rollback").await.expect("an end");
}

/// A row has a non-zero `xmax` after a transaction has changed or locked it, even if that was rolled back.
#[tokio::test]
async fn a_proof_of_broken_policies_touches_a_few_rows_and_changes_none() {
    let database = with_tasks().await;
    let admin = database.superuser().await;
    admin.batch_execute(BROKEN_POLICIES).await.expect("a damaged database");
    let all = "select md5(string_agg(t::text, ',' order by id)) from app.tasks t";
    let before = texts(&admin, all).await;

    let ended = audit(&database.url("postgres")).run().await;

    assert!(
        ended.out.contains("FAIL     RK-911 proof       app.tasks: DELETE without WHERE as A: reached"),
        "{}",
        ended.out
    );
    assert_eq!(texts(&admin, all).await, before);
    let touched: i64 = admin
        .query_one("select count(*) from app.tasks where xmax <> 0", &[])
        .await
        .expect("a number")
        .get(0);
    assert!((1..=20).contains(&touched), "{touched} rows");
}

#[tokio::test]
async fn an_audit_that_is_killed_leaves_nothing_behind() {
    for signal in ["KILL", "INT", "TERM"] {
        let database = with_tasks().await;
        let admin = database.superuser().await;
        admin.batch_execute(BROKEN_POLICIES).await.expect("a damaged database");
        // The proof waits for these row locks, so that it can be killed in the middle.
        let holder = database.superuser().await;
        holder.batch_execute("begin; select from app.tasks for update").await.expect("locks");

        let running = audit(&database.url("postgres")).start();
        let trying = "select 'x' from pg_stat_activity
                       where datname = current_database() and wait_event_type = 'Lock' and state = 'active'";
        timeout(Duration::from_secs(30), async {
            while texts(&admin, trying).await.is_empty() {
                sleep(Duration::from_millis(5)).await;
            }
        })
        .await
        .expect("it tries");
        running.signal(signal);
        let ended = timeout(Duration::from_secs(10), running.ended()).await.expect("it ends");
        holder.batch_execute("rollback").await.expect("an end");

        assert_ne!(ended.code, Some(0), "{signal}: {}", ended.out);
        assert!(!ended.out.contains("isolation: HELD"), "{signal}: {}", ended.out);
        timeout(Duration::from_secs(20), gone(&admin)).await.expect("its sessions end");
        let left = "
            select 'row' from app.tasks where user_id like 'rowkeep audit%'
            union all select 'prepared' from pg_prepared_xacts where database = current_database()
            union all select 'setting' from pg_db_role_setting s join pg_database d on d.oid = s.setdatabase
                       where d.datname = current_database()
            union all select 'role' from pg_roles where rolname like 'rowkeep audit%'";
        assert_eq!(texts(&admin, left).await, [""; 0], "{signal}");
        begin_as(&admin, "user 1").await;
        admin
            .batch_execute("update app.tasks set completed = true; rollback")
            .await
            .expect("no lock is left");
    }
}

async fn gone(admin: &tokio_postgres::Client) {
    let others = "select usename::text from pg_stat_activity
                   where datname = current_database() and pid <> pg_backend_pid() and state <> 'idle'";
    while !texts(admin, others).await.is_empty() {
        sleep(Duration::from_millis(10)).await;
    }
}
