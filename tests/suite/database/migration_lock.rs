//! The lock for changing a database: who can take it, what a wait says, and what happens when it is lost.

use std::time::Duration;

use rowkeep::schema::{self, Version};
use tokio_postgres::Client;

use super::support::{Fixture, state, texts};
use crate::operation::program::Program;
use crate::world::Database;

const ROW: &str = include_str!("../../../sql/schema/lock.sql");
const OF_OLDER_RELEASES: &str = include_str!("../../../sql/schema/lock_of_older_releases.sql");

const WAITS: &str = "another process is changing this database, waiting for it";

/// `rowkeep migrate`, which applies the policies again.
fn migrate(database: &Database, login: &str, arguments: &[&str]) -> Program {
    let url = database.url(login);
    Program::new(&[&["migrate"], arguments].concat()).with(&[
        ("ENVIRONMENT", "production"),
        ("DATABASE_URL", &url),
        ("LOG_LEVEL", "info"),
    ])
}

const AGAIN: &[&str] = &["--reapply-policies"];
const BRIEFLY: &[&str] = &["--reapply-policies", "--lock-timeout", "1"];

/// A session that has the row, and its process id.
async fn holder(database: &Database, name: &str) -> (Client, String) {
    let holder = database.superuser().await;
    holder.batch_execute(&format!("set application_name = '{name}'; begin")).await.expect("a transaction");
    assert_eq!(holder.query(ROW, &[]).await.expect("a lock").len(), 1);
    let [process_id] =
        texts(&holder, "select pg_backend_pid()::text").await.try_into().expect("one process id");
    (holder, process_id)
}

/// Waits until `query` returns a row.
pub async fn until(admin: &Client, query: &str) -> String {
    for _ in 0..1000 {
        if let Some(text) = texts(admin, query).await.pop() {
            return text;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("nothing comes of {query}");
}

#[tokio::test]
async fn a_migration_waits_for_another_one_and_its_log_says_for_whom() {
    let database = Database::new().await;
    let (holder, process_id) = holder(&database, "the other one").await;
    let mut program = migrate(&database, "postgres", AGAIN).start();

    program.says(WAITS).await;
    program
        .says(&format!(
            "process {process_id}, login postgres, application 'the other one', on this machine, since 2"
        ))
        .await;
    holder.batch_execute("rollback").await.expect("an end");
    let ended = program.ended().await;

    assert_eq!((ended.code, ended.out.as_str()), (Some(0), "applied the policies\n"), "{ended:?}");
}

#[tokio::test]
async fn a_migration_that_has_waited_too_long_is_refused_and_says_who_has_the_lock() {
    let database = Database::new().await;
    let (_holder, process_id) = holder(&database, "the other one").await;

    let ended = migrate(&database, "postgres", BRIEFLY).run().await;

    assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""), "{ended:?}");
    let told = format!(
        "has been changing this database for 1 s: process {process_id}, login postgres, application 'the other one'"
    );
    assert!(ended.err.contains(&told) && ended.err.contains("pg_terminate_backend"), "{ended:?}");
}

#[tokio::test]
async fn a_session_that_waits_for_the_lock_is_not_taken_for_the_one_that_has_it() {
    let database = Database::new().await;
    let (_holder, first) = holder(&database, "first").await;
    let waiter = database.superuser().await;
    waiter.batch_execute("set lock_timeout = '20s'; begin").await.expect("a transaction");
    let [second] = texts(&waiter, "select pg_backend_pid()::text").await.try_into().expect("one process id");
    let waiting = tokio::spawn(async move { waiter.query(ROW, &[]).await.map(|_| waiter) });
    let waits =
        format!("select 'waits' from pg_stat_activity where pid = {second} and wait_event_type = 'Lock'");
    until(&database.superuser().await, &waits).await;

    let ended = migrate(&database, "postgres", BRIEFLY).run().await;

    assert!(ended.err.contains(&format!("for 1 s: process {first}, login")), "{ended:?}");
    assert!(!ended.err.contains(&format!("process {second},")), "{ended:?}");
    waiting.abort();
}

/// A migration has the lock, and waits for a report.
#[tokio::test]
async fn a_session_that_has_the_lock_is_named_although_it_waits_itself() {
    let fixture = Fixture::new().await;
    let _report = report(&fixture).await;
    let (holder, process_id) = holder(&fixture.database, "the other one").await;
    let waiting =
        tokio::spawn(async move { holder.batch_execute("lock table app.tasks").await.map(|()| holder) });
    let waits =
        format!("select 'waits' from pg_stat_activity where pid = {process_id} and wait_event_type = 'Lock'");
    until(&fixture.admin, &waits).await;

    let ended = migrate(&fixture.database, "postgres", BRIEFLY).run().await;

    assert!(ended.err.contains(&format!("for 1 s: process {process_id}, login")), "{ended:?}");
    assert!(!ended.err.contains("application 'report'"), "{ended:?}");
    waiting.abort();
}

/// An older release has the lock of its kind, and this one waits in a queue.
#[tokio::test]
async fn before_the_table_exists_the_holder_is_named_and_not_the_queue() {
    let database = Database::unmigrated().await;
    let older = database.superuser().await;
    older.batch_execute(OF_OLDER_RELEASES).await.expect("a lock");
    let [first] = texts(&older, "select pg_backend_pid()::text").await.try_into().expect("one process id");
    let mut second = migrate(&database, "postgres", &[]).start();
    second.says(WAITS).await;

    let ended = migrate(&database, "postgres", &["--lock-timeout", "1"]).run().await;

    assert!(ended.err.contains(&format!("for 1 s: process {first}, login")), "{ended:?}");
    assert!(!ended.err.contains("; process"), "{ended:?}");
    drop(older);
    assert_eq!(second.ended().await.code, Some(0));
}

/// PostgreSQL hides the times and the address of sessions of others.
#[tokio::test]
async fn a_migrating_login_that_may_not_see_other_sessions_still_learns_their_login_and_application() {
    let database = Database::new().await;
    let name = format!("migrator_{}", database.name);
    let make = format!("create role {name} login; grant rowkeep_owner, rowkeep_api to {name}");
    database.superuser().await.batch_execute(&make).await.expect("a login");
    let (_holder, process_id) = holder(&database, "hidden").await;

    let ended = migrate(&database, &name, BRIEFLY).run().await;

    let told = format!("for 1 s: process {process_id}, login postgres, application 'hidden'.\n");
    assert!(ended.err.contains(&told), "{ended:?}");
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_transaction_that_was_prepared_with_the_lock_is_named() {
    let cluster = crate::world::OwnCluster::with(
        rowkeep::development::Programs::find(None).expect("PostgreSQL's programs").major,
        "max_prepared_transactions = 2\n",
    )
    .await;
    cluster.migrate().await;
    let admin = cluster.superuser("postgres").await;
    let prepare = format!("begin; {ROW}; prepare transaction 'left'");
    admin.batch_execute(&prepare).await.expect("a prepared transaction");

    let options = schema::MigrateOptions {
        reapply_policies: true,
        lock_wait: Duration::from_secs(1),
        ..schema::MigrateOptions::default()
    };
    let refused = schema::migrate_with(&cluster.address("postgres", "postgres"), options).await;

    let refused = refused.expect_err("a refusal").to_string();
    assert!(refused.contains("for 1 s: a prepared transaction (see pg_prepared_xacts)"), "{refused}");
}

/// Every login can take an advisory lock.
#[tokio::test]
async fn a_login_that_holds_the_lock_of_older_releases_keeps_no_migration_waiting() {
    let database = Database::new().await;
    let login = database.client("rowkeep_login").await;
    assert!(login.query_one(OF_OLDER_RELEASES, &[]).await.expect("a lock").get::<_, bool>(0));

    let ended = migrate(&database, "postgres", AGAIN).run().await;

    assert_eq!((ended.code, ended.out.as_str()), (Some(0), "applied the policies\n"), "{ended:?}");
    assert!(ended.err.contains("another session holds the advisory lock of older releases"), "{ended:?}");
    assert!(!ended.err.contains(WAITS), "{ended:?}");
}

/// The holder can be an older release, which knows no other lock.
#[tokio::test]
async fn a_database_without_the_table_of_the_lock_waits_for_older_releases() {
    let database = Database::unmigrated().await;
    let older = database.superuser().await;
    older.batch_execute("set application_name = 'older'").await.expect("a name");
    older.batch_execute(OF_OLDER_RELEASES).await.expect("a lock");

    let refused = migrate(&database, "postgres", &["--lock-timeout", "1"]).run().await;
    let mut program = migrate(&database, "postgres", &[]).start();
    program.says(WAITS).await;
    drop(older);
    let ended = program.ended().await;

    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.err.contains("login postgres, application 'older'"), "{refused:?}");
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(
        ended.out.contains("applied V8__lock") && !ended.err.contains("advisory lock of older"),
        "{ended:?}"
    );
}

/// Reads the table for as long as a report takes, so that the policies have to wait.
async fn report(fixture: &Fixture) -> Client {
    let report = fixture.database.superuser().await;
    report
        .batch_execute("set application_name = 'report'; begin; select count(*) from app.tasks")
        .await
        .expect("a report");
    report
}

#[tokio::test]
async fn while_a_migration_works_neither_a_newer_nor_an_older_release_can_begin() {
    let fixture = Fixture::new().await;
    let report = report(&fixture).await;
    let mut program = migrate(&fixture.database, "postgres", AGAIN).start();
    program.says("a table is in use, trying again").await;

    let row = fixture.admin.query(&format!("{ROW} nowait"), &[]).await;
    let older = fixture.admin.query_one(OF_OLDER_RELEASES, &[]).await.expect("an answer");

    assert_eq!((state(row).as_str(), older.get(0)), ("55P03", false));
    report.batch_execute("commit").await.expect("an end");
    assert_eq!(program.ended().await.code, Some(0));
    until(&fixture.admin, &format!("select 'taken' from ({OF_OLDER_RELEASES}) as l where taken")).await;
    fixture.admin.query(&format!("{ROW} nowait"), &[]).await.expect("a free lock");
}

#[tokio::test]
async fn a_migration_stops_when_the_connection_that_holds_its_lock_is_ended() {
    let fixture = Fixture::new().await;
    let _report = report(&fixture).await;
    let mut program = migrate(&fixture.database, "postgres", AGAIN).start();
    program.says("a table is in use, trying again").await;

    let end = "select pg_terminate_backend(pid)::text from pg_locks
                where relation = 'rowkeep.lock'::regclass and mode = 'RowShareLock'
                  -- Databases of other tests are copies of the same template, and their tables have the same numbers.
                  and database = (select oid from pg_database where datname = current_database())";
    assert_eq!(texts(&fixture.admin, end).await, ["true"]);
    let ended = program.ended().await;

    assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""), "{ended:?}");
    assert!(ended.err.contains("the connection that holds the lock of this database is lost"), "{ended:?}");
    assert!(ended.err.contains("run it again"), "{ended:?}");
}

/// Postgres looks for its client while a statement runs. Otherwise it would notice only at the end of the statement.
#[tokio::test]
async fn a_migration_that_was_killed_leaves_neither_its_lock_nor_its_statement_behind() {
    let fixture = Fixture::new().await;
    let slow = "create function public.slow() returns event_trigger language plpgsql as
                    $$ begin perform pg_sleep(600); end $$;
                create event trigger slow on ddl_command_start when tag in ('DROP POLICY') execute function public.slow()";
    fixture.admin.batch_execute(slow).await.expect("a slow statement");
    let program = migrate(&fixture.database, "postgres", AGAIN).start();
    until(
        &fixture.admin,
        "select 'sleeps' from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep'",
    )
    .await;

    program.signal("KILL");

    let left = "select 'none' where not exists (
                    select from pg_stat_activity where datname = current_database() and application_name like 'rowkeep %'
                       and usename = 'postgres' and pid <> pg_backend_pid() and state <> 'idle')";
    until(&fixture.admin, left).await;
    fixture.admin.query(&format!("{ROW} nowait"), &[]).await.expect("a free lock");
}

#[tokio::test]
async fn a_migration_that_cannot_lock_a_table_says_who_uses_it() {
    let fixture = Fixture::new().await;
    let _report = report(&fixture).await;

    let users = schema_table_users(&fixture).await;

    assert!(users.contains("application 'report'") && !users.contains("application 'psql'"), "{users}");
}

/// The query of the error, run as the migration does.
async fn schema_table_users(fixture: &Fixture) -> String {
    let read = |name: &str| {
        std::fs::read_to_string(format!("{}/sql/schema/{name}.sql", env!("CARGO_MANIFEST_DIR")))
            .expect("a file")
    };
    let users: Vec<i32> = fixture.admin.query_one(&read("table_users"), &[]).await.expect("users").get(0);
    fixture.admin.query_one(&read("sessions"), &[&users]).await.expect("sessions").get(0)
}

/// With every statement and every mode that could conflict with the lock.
#[tokio::test]
async fn only_the_owner_can_lock_the_row_or_its_table() {
    let database = Database::new().await;
    let admin = database.superuser().await;
    let backup = format!("backup_{}", database.name);
    let auditor = format!("auditor_{}", database.name);
    let make = format!(
        "create role {backup} login bypassrls; grant pg_read_all_data to {backup};
         create role {auditor} login; grant rowkeep_auditor to {auditor}"
    );
    admin.batch_execute(&make).await.expect("logins");
    let modes = [
        "row share",
        "row exclusive",
        "share update exclusive",
        "share",
        "share row exclusive",
        "exclusive",
        "access exclusive",
    ];
    let mut statements: Vec<_> =
        modes.iter().map(|mode| format!("lock table rowkeep.lock in {mode} mode")).collect();
    statements.extend(
        [
            "table rowkeep.lock for update",
            "table rowkeep.lock for no key update",
            "table rowkeep.lock for share",
            "table rowkeep.lock for key share",
            "insert into rowkeep.lock default values",
            "insert into rowkeep.lock values (true) on conflict do nothing",
            "update rowkeep.lock set only_row = true",
            "delete from rowkeep.lock",
            "truncate rowkeep.lock",
            "merge into rowkeep.lock using (values (1)) v on true when matched then delete",
            "alter table rowkeep.lock add column one int",
            "create index on rowkeep.lock (only_row)",
            "reindex table rowkeep.lock",
            "drop table rowkeep.lock",
            "comment on table rowkeep.lock is 'x'",
        ]
        .map(str::to_owned),
    );
    let mut unexpected = Vec::new();
    let mut open = Vec::new();

    for login in ["rowkeep_login", backup.as_str(), auditor.as_str()] {
        let client = database.client(login).await;
        for opening in ["", "set local role none;"] {
            for statement in &statements {
                client.batch_execute(&format!("begin; {opening}")).await.expect("a transaction");
                let came = state(client.batch_execute(statement).await);
                client.batch_execute("rollback").await.expect("an end");
                if came != "42501" {
                    unexpected.push(format!("{login}: {opening} {statement}: {came}"));
                }
            }
        }
        // What the login of backups may do, as pg_dump does it, is in nobody's way.
        client.batch_execute("begin").await.expect("a transaction");
        let read = state(
            client.batch_execute("lock table rowkeep.lock in access share mode; table rowkeep.lock").await,
        );
        assert_eq!(read, if login == backup { "00000" } else { "42501" }, "{login}");
        open.push(client);
    }
    assert!(unexpected.is_empty(), "{unexpected:#?}");

    schema::migrate(&database.address("postgres"), true).await.expect("a migration that waits for nobody");
}

/// As after a restore without owners. The lock of the row would be in the way of the statement that sets the owner.
#[tokio::test]
async fn a_lock_that_belongs_to_another_role_gets_its_owner_back() {
    let database = Database::new().await;
    let admin = database.superuser().await;
    admin.batch_execute("alter table rowkeep.lock owner to postgres").await.expect("another owner");

    schema::migrate(&database.address("postgres"), true).await.expect("a migration");

    let owner = "select tableowner::text from pg_tables where schemaname = 'rowkeep' and tablename = 'lock'";
    assert_eq!(texts(&admin, owner).await, ["rowkeep_owner"]);
}

#[tokio::test]
async fn a_lock_without_its_row_is_refused_with_the_statement_that_mends_it() {
    let database = Database::new().await;
    let admin = database.superuser().await;
    admin.batch_execute("delete from rowkeep.lock").await.expect("no row");

    let refused =
        schema::migrate(&database.address("postgres"), true).await.expect_err("a refusal").to_string();

    let advice = &refused[refused.find("INSERT").unwrap_or_else(|| panic!("no statement: {refused}"))..];
    admin.batch_execute(advice).await.expect("the statement of the message");
    schema::migrate(&database.address("postgres"), true).await.expect("a migration");
    assert_eq!(Version::of_this_release().migration, 9);
}
