//! What can be adopted from: names, views, partitions, other databases and logins.

use super::old_server::{OldServer, TASKS, adopt, assert_refused};
use crate::database::catalogue::{described, pristine};
use crate::database::support::texts;
use crate::operation::overload::eventually;
use crate::operation::program::{Directory, Program};
use crate::world::{Database, OwnCluster, releases};

const ROW: &str = "'alice', 'x', null, false, '2026-01-01', '2026-01-01'";

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn tables_views_and_partitioned_tables_are_adopted_whatever_their_names_are() {
    let old = OldServer::with(&format!(
        "{TASKS} insert into public.tasks values (1, {ROW});
         create schema \"my schema\";
         create table \"my schema\".\"todo.items \"\"x\"\"\" (like public.tasks);
         insert into \"my schema\".\"todo.items \"\"x\"\"\" values (2, {ROW});
         create table public.\"Tasks\" (like public.tasks) partition by list (id);
         create table public.part partition of public.\"Tasks\" for values in (3);
         insert into public.\"Tasks\" values (3, {ROW});
         create view public.shown as select id + 10 as id, user_id, title, completed, created_at from public.tasks;
         create materialized view public.kept as select id + 20 as id, user_id, title, completed, created_at from public.tasks;"
    ))
    .await;

    for name in
        ["tasks", "\"my schema\".\"todo.items \"\"x\"\"\"", "public.\"Tasks\"", "PUBLIC.Shown", "public.kept"]
    {
        old.applies(name, &[]).await;
    }

    assert_eq!(
        texts(&old.admin, "select t.id::text from app.tasks t order by t.id").await,
        ["1", "2", "3", "11", "21"]
    );
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_name_that_is_no_table_is_refused_and_never_becomes_sql() {
    let old = OldServer::new().await;
    old.admin.batch_execute("create sequence public.numbers").await.expect("a sequence");
    let before = described(&old.admin).await;

    for (name, message) in [
        ("public.task", "has no table public.task; tables with a column title: public.tasks"),
        ("public.Tasks2", "has no table public.Tasks2"),
        ("public.tasks; drop table app.tasks", "is not the name of a table"),
        ("public.tasks\" where false --", "is not the name of a table"),
        ("(select 1) t", "is not the name of a table"),
        ("other.public.tasks", "is not the name of a table"),
        ("", "is not the name of a table"),
        ("public.numbers", "public.numbers of postgres@"),
        ("app.tasks", "is the table that the tasks would be copied into"),
        ("APP.\"tasks\"", "is the table that the tasks would be copied into"),
    ] {
        let ended = old.adopt(name, &[]).run().await;
        assert_refused(&ended, message);
    }
    for column in
        ["user_id::text from public.tasks; drop table app.tasks --", "user_id\"", "'alice'", "*", ""]
    {
        let ended = old.adopt("public.tasks", &["--user-column", column]).run().await;
        assert_refused(&ended, &format!("has no column {column}"));
    }

    assert_eq!(described(&old.admin).await, before);
    assert_eq!(old.tasks().await, [""; 0]);
}

#[tokio::test]
async fn the_address_of_the_source_can_be_in_a_file_and_is_not_repeated() {
    let old = OldServer::new().await;
    let url = old.database.url("postgres");
    let files = Directory::new();
    files.write("source", &format!("{url}\n"));
    let file = files.0.join("source").display().to_string();
    let settings = [("ENVIRONMENT", "production"), ("DATABASE_URL", &*url), ("LOG_LEVEL", "error")];
    let program = Program::new(&["adopt", "--table", "tasks"]).with(&settings);

    let given = program.clone().with(&[("SOURCE_DATABASE_URL_FILE", &file)]).run().await;
    let wrong =
        program.clone().with(&[("SOURCE_DATABASE_URL", "postgres://alice:geheim@host:x/old")]).run().await;
    let missing = program.run().await;

    assert!(given.code == Some(0) && given.out.contains("copy      3 tasks"), "{given:?}");
    assert_refused(&wrong, "SOURCE_DATABASE_URL: ");
    assert!(!wrong.err.contains("geheim"), "{wrong:?}");
    assert_refused(&missing, "SOURCE_DATABASE_URL is missing");
}

/// A column can be called anything. Its name goes through format().
#[tokio::test]
async fn a_column_with_a_hostile_name_is_only_a_column() {
    let name = "user\"; drop table app.tasks; --%s%I";
    let old = OldServer::with(&format!(
        "{TASKS} alter table public.tasks rename user_id to \"{}\"; insert into public.tasks values (1, {ROW});",
        name.replace('"', "\"\"")
    ))
    .await;

    old.applies("public.tasks", &["--user-column", name]).await;

    assert_eq!(texts(&old.admin, "select user_id from app.tasks").await, ["alice"]);
}

#[tokio::test]
async fn rows_that_policies_hide_from_the_login_are_an_error_and_not_left_out() {
    let old = OldServer::new().await;
    let login = format!("reader_{}", old.database.name);
    let hide = format!(
        "create role {login} login; grant select on public.tasks to {login};
         alter table public.tasks enable row level security;
         create policy alices on public.tasks using (user_id = 'alice')"
    );
    old.admin.batch_execute(&hide).await.expect("a policy");

    let url = old.database.url("postgres");
    let ended = adopt(&old.database.url(&login), &url, "public.tasks", &[]).run().await;

    assert_refused(&ended, "Row-level security hides rows of this table from the login");
    assert_eq!(old.tasks().await, [""; 0]);
}

#[tokio::test]
async fn a_source_that_stores_other_letters_arrives_as_the_same_text() {
    let (latin, ascii) = (Database::encoded("LATIN1").await, Database::encoded("SQL_ASCII").await);
    let insert = format!(
        "{TASKS} insert into public.tasks values (1, 'caf\u{e9}', '\u{fc}ber \\ ''x''', null, false, 'epoch', 'epoch')"
    );
    latin.superuser().await.batch_execute(&insert).await.expect("a task");
    let insert = format!(
        "{TASKS} insert into public.tasks values (2, 'bob', convert_from('\\xff', 'SQL_ASCII'), null, false, 'epoch', 'epoch')"
    );
    ascii.superuser().await.batch_execute(&insert).await.expect("a task");
    let target = OldServer::with("").await;
    let to = target.database.url("postgres");

    let good = adopt(&latin.url("postgres"), &to, "tasks", &[]).run().await;
    let bad = adopt(&ascii.url("postgres"), &to, "tasks", &[]).run().await;

    assert!(good.out.contains("copied    1 task;"), "{good:?}");
    assert_refused(
        &bad,
        "cannot read public.tasks: 22021: invalid byte sequence for encoding \"UTF8\": 0xff",
    );
    assert_eq!(
        texts(&target.admin, "select user_id || title from app.tasks").await,
        ["caf\u{e9}\u{fc}ber \\ 'x'"]
    );
}

/// The login that a hosting service gives. The time limits are longer than the checks take and shorter than the copy takes.
#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_login_with_createrole_adopts_from_another_database_whatever_its_time_limits_are() {
    let cluster = OwnCluster::start().await;
    let admin = cluster.superuser("postgres").await;
    let limits = "create role deployer login createrole;
                  alter role deployer set statement_timeout = '1500ms';
                  alter role deployer set idle_in_transaction_session_timeout = '1500ms'";
    admin.batch_execute(limits).await.expect("a login");
    for name in ["tasks", "old"] {
        admin.batch_execute(&format!("create database {name} owner deployer")).await.expect("a database");
    }
    rowkeep::schema::migrate(&cluster.address("deployer", "tasks"), false).await.expect("a migration");
    let login = format!("{}/sql/setup/login.sql", env!("CARGO_MANIFEST_DIR"));
    let made = cluster.psql("tasks", &["-v", "login=rowkeep_login", "-v", "password=x", "-f", &login]).await;
    assert!(made.status.success(), "{made:?}");
    let slow = format!(
        "{TASKS} insert into tasks values (1, {ROW});
         create view slow as select tasks.* from tasks, lateral (select pg_sleep(1.7 + id * 0)) s; grant select on slow to deployer"
    );
    cluster.superuser("old").await.batch_execute(&slow).await.expect("an old table");

    let (from, to) = (cluster.url("deployer", "old"), cluster.url("deployer", "tasks"));
    let ended = adopt(&from, &to, "public.slow", &[]).run().await;

    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.out.contains("copied    1 task;") && ended.out.contains("isolation: HELD"), "{ended:?}");
    assert_eq!(described(&cluster.superuser("tasks").await).await, pristine().await);
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_source_that_is_lost_during_the_copy_leaves_everything_as_it_was() {
    let (source, target) = (Database::unmigrated().await, OldServer::with("").await);
    let admin = source.superuser().await;
    let slow = format!(
        "{TASKS} insert into tasks select n, {ROW} from generate_series(1, 100) n;
         create view slow as select tasks.* from tasks, lateral (select pg_sleep(0.2 + id * 0)) s"
    );
    admin.batch_execute(&slow).await.expect("an old table");
    let (before, written) = (target.catalogue().await, target.written().await);
    let to = target.database.url("postgres");
    let program = adopt(&source.url("postgres"), &to, "slow", &[]).start();

    let kill = "select pg_terminate_backend(pid)::text from pg_stat_activity
                 where datname = current_database() and query like 'copy (select%'";
    eventually("the copy is ended", async || texts(&admin, kill).await == ["true"]).await;
    let ended = program.ended().await;

    assert_refused(&ended, "cannot read public.slow");
    assert_eq!((target.catalogue().await, target.written().await), (before, written));
}

/// The copy takes longer than the time limit for transactions, which PostgreSQL 17 brought.
#[tokio::test]
#[ignore = "needs PostgreSQL 16, 17 and 18: `make test-all`"]
async fn every_release_can_be_adopted_from_and_into() {
    for major in releases() {
        let cluster = OwnCluster::of_release(major).await;
        cluster.migrate().await;
        let admin = cluster.superuser("postgres").await;
        admin.batch_execute("create database old").await.expect("a database");
        let slow = format!(
            "{TASKS} insert into tasks values (1, {ROW}), (2, {ROW});
             create view slow as select tasks.* from tasks, lateral (select pg_sleep(1 + id * 0.3)) s"
        );
        cluster.superuser("old").await.batch_execute(&slow).await.expect("an old table");
        if major >= 17 {
            let limit = "alter role postgres set transaction_timeout = '2s'";
            admin.batch_execute(limit).await.expect("a time limit");
        }

        let (from, to) = (cluster.url("postgres", "old"), cluster.url("postgres", "postgres"));
        let ended = adopt(&from, &to, "public.slow", &[]).run().await;

        assert_eq!(ended.code, Some(0), "PostgreSQL {major}: {ended:?}");
        assert!(
            ended.out.contains("copied    2 tasks") && ended.out.contains("isolation: HELD"),
            "{ended:?}"
        );
        assert_eq!(texts(&admin, "select title from app.tasks").await, ["x", "x"]);
    }
}

#[tokio::test]
async fn a_database_that_is_not_migrated_is_refused() {
    let old = Database::unmigrated().await;
    old.superuser().await.batch_execute(TASKS).await.expect("an old table");

    let ended = adopt(&old.url("postgres"), &old.url("postgres"), "tasks", &[]).run().await;

    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.err.contains("rowkeep migrate"), "{ended:?}");
}
