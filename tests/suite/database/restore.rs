//! Backups, made and restored with the programs that operators use. Also databases that record the right migration but lack
//! some of its objects.

use std::path::PathBuf;
use std::process::Output;

use rowkeep::development::Programs;
use tokio::process::Command;

use super::catalogue::{described, pristine};
use super::serving::{start, titles};
use super::support::{begin_as, creates, state, texts};
use crate::dba::recipe::Recipe;
use crate::world::{Database, OwnCluster, SECRET, Server};

/// Runs one of PostgreSQL's client programs.
async fn pg(program: &str, arguments: &[&str]) -> Output {
    let programs = Programs::find(None).expect("PostgreSQL's programs");
    Command::new(programs.path(program)).args(arguments).output().await.expect(program)
}

async fn succeeds(program: &str, arguments: &[&str]) {
    let output = pg(program, arguments).await;
    assert!(output.status.success(), "{program} {arguments:?}: {output:?}");
}

/// How a command of the program ended, and what it output to the operator.
async fn rowkeep(arguments: &[&str], url: &str) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_rowkeep"))
        .args(arguments)
        .env_clear()
        .envs([("ENVIRONMENT", "production"), ("LOG_LEVEL", "error"), ("LOG_FORMAT", "text"), ("PORT", "0")])
        .envs([("DATABASE_URL", url), ("BETTER_AUTH_SECRET", SECRET)])
        .output()
        .await
        .expect("the program");
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(text).expect("text"))
}

/// Asserts that `rowkeep migrate` and `rowkeep serve` fail for the same reason. Returns the output of `migrate`.
async fn refused(migrating: &str, serving: &str) -> String {
    let (migrated, output) = rowkeep(&["migrate"], migrating).await;
    assert!(!migrated && !output.contains("up to date"), "{output}");
    let (served, reason) = rowkeep(&["serve"], serving).await;
    assert!(!served, "{reason}");

    let reason = reason.split_once(": ").expect("a database").1.split_once(": ").expect("a reason").1;
    assert!(output.contains(reason), "migrate: {output}\nserve: {reason}");
    output
}

/// A cluster in which alice and bob have one task each, and its dumps.
struct Source {
    cluster: OwnCluster,
    directory: PathBuf,
}

impl Source {
    async fn new(name: &str) -> Self {
        let cluster = OwnCluster::start().await;
        cluster.migrate().await;
        let admin = cluster.superuser("postgres").await;
        creates(&admin, "alice", "hers").await;
        creates(&admin, "bob", "his").await;

        let directory = std::env::temp_dir().join(format!("rowkeep-dump-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&directory).expect("a directory");
        let source = Self { cluster, directory };
        let (url, roles) = (source.cluster.url("postgres", "postgres"), source.file("roles.sql"));
        succeeds("pg_dumpall", &["--roles-only", "-f", &roles, "-d", &url]).await;
        succeeds("pg_dump", &["-Fc", "-f", &source.file("tasks.dump"), "-d", &url]).await;
        source
    }

    fn file(&self, name: &str) -> String {
        self.directory.join(name).display().to_string()
    }

    /// A fresh cluster, with the roles of this one or without them.
    async fn target(&self, with_roles: bool) -> OwnCluster {
        let target = OwnCluster::start().await;
        if with_roles {
            // psql reports one error: the superuser exists in every cluster.
            pg(
                "psql",
                &["-X", "-q", "-f", &self.file("roles.sql"), "-d", &target.url("postgres", "postgres")],
            )
            .await;
        }
        let create = "create database tasks";
        target.superuser("postgres").await.batch_execute(create).await.expect("a database");
        target
    }

    async fn restore(&self, target: &OwnCluster, login: &str, options: &[&str]) -> Output {
        let (url, dump) = (target.url(login, "tasks"), self.file("tasks.dump"));
        pg("pg_restore", &[options, &["-d", &url, &dump]].concat()).await
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

const ROWS: &str = "select t::text from app.tasks t order by 1";

const POSITION: &str = "select last_value::text from app.tasks_id_seq";

async fn assert_whole(source: &Source, target: &OwnCluster) {
    let (old, new) = (source.cluster.superuser("postgres").await, target.superuser("tasks").await);
    assert_eq!(texts(&new, ROWS).await, texts(&old, ROWS).await);
    // The proof of an audit uses some numbers up.
    let position = async |client| texts(client, POSITION).await.concat().parse::<i64>().expect("a number");
    assert!(position(&new).await >= position(&old).await);
    assert_eq!(described(&new).await, pristine().await);

    let (done, output) = rowkeep(&["migrate"], &target.url("postgres", "tasks")).await;
    assert!(done && output.contains("up to date"), "{output}");
    let (done, output) = rowkeep(&["audit"], &target.url("postgres", "tasks")).await;
    assert!(done && output.contains("isolation: HELD"), "{output}");
}

#[tokio::test]
#[ignore = "needs minutes, and clusters of its own: `make test-all`"]
async fn a_server_runs_on_a_whole_dump_restored_after_the_roles() {
    let source = Source::new("whole").await;
    let target = source.target(true).await;

    let restored = source.restore(&target, "postgres", &["--exit-on-error"]).await;

    assert!(restored.status.success(), "{restored:?}");
    assert_whole(&source, &target).await;
    let session = start(&target.address("rowkeep_login", "tasks")).await.expect("a session");
    assert_eq!(titles(&session, "bob").await, ["his"]);
    creates(&target.superuser("tasks").await, "bob", "after the restore").await;
    assert_eq!(titles(&session, "bob").await, ["after the restore", "his"]);
}

#[tokio::test]
#[ignore = "needs minutes, and clusters of its own: `make test-all`"]
async fn a_login_without_bypassrls_and_pg_read_all_data_cannot_back_up() {
    let source = Source::new("logins").await;
    let admin = source.cluster.superuser("postgres").await;
    let make = "create role owner_login login; grant rowkeep_owner to owner_login;
                create role bypassing login bypassrls;
                create role reading login; grant pg_read_all_data to reading;
                create role backup login bypassrls; grant pg_read_all_data to backup";
    admin.batch_execute(make).await.expect("logins");
    let file = source.file("of_a_login.dump");
    let dump = async |login: &str, options: &[&str]| {
        let url = source.cluster.url(login, "postgres");
        pg("pg_dump", &[options, &["-Fc", "-f", &file, "-d", &url]].concat()).await
    };

    for login in ["owner_login", "reading"] {
        let refused = String::from_utf8(dump(login, &[]).await.stderr).expect("text");
        assert!(refused.contains("would be affected by row-level security"), "{login}: {refused}");
    }
    for login in ["bypassing", "rowkeep_login"] {
        let refused = String::from_utf8(dump(login, &[]).await.stderr).expect("text");
        assert!(refused.contains("permission denied for schema rowkeep"), "{login}: {refused}");
    }
    let rows = async || {
        let output = pg("pg_restore", &["--data-only", "-t", "tasks", "-f", "-", &file]).await;
        String::from_utf8(output.stdout).expect("text").matches("\talice\t").count()
    };
    assert!(dump("backup", &[]).await.status.success());
    assert_eq!(rows().await, 1);
    // With this option pg_dump succeeds, but the dump has no rows.
    assert!(dump("owner_login", &["--enable-row-security"]).await.status.success());
    assert_eq!(rows().await, 0);
}

#[tokio::test]
#[ignore = "needs minutes, and clusters of its own: `make test-all`"]
async fn a_dump_restored_without_owners_or_privileges_is_refused_and_repaired() {
    let source = Source::new("stripped").await;
    for (with_roles, options) in [
        (true, &["--no-owner"][..]),
        (true, &["--no-privileges"]),
        (true, &["--no-owner", "--no-acl"]),
        (false, &[]),
        (false, &["--no-owner", "--no-privileges"]),
    ] {
        let target = source.target(with_roles).await;
        source.restore(&target, "postgres", options).await;
        // Without the roles there is no rowkeep_login.
        let serving = if with_roles { "rowkeep_login" } else { "postgres" };
        let (migrating, serving) = (target.url("postgres", "tasks"), target.url(serving, "tasks"));

        let output = refused(&migrating, &serving).await;
        assert!(output.contains("that this release needs are missing or changed"), "{options:?}: {output}");
        assert!(output.contains("`rowkeep migrate --reapply-policies`"), "{options:?}: {output}");
        let (passes, report) = rowkeep(&["audit"], &migrating).await;
        assert!(!passes && report.contains("FAIL "), "{options:?}: {report}");

        let (done, output) = rowkeep(&["migrate", "--reapply-policies"], &migrating).await;
        assert!(done, "{options:?}: {output}");
        assert_whole(&source, &target).await;
        start(&target.address("postgres", "tasks")).await.expect("a session");
    }
}

/// With and without a superuser. The position of the sequence was not restored.
#[tokio::test]
#[ignore = "needs minutes, and clusters of its own: `make test-all`"]
async fn one_repair_brings_a_stripped_restore_back_to_clean() {
    let source = Source::new("repair").await;
    for login in ["postgres", "deployer"] {
        let target = OwnCluster::start().await;
        let make = "create role deployer login createrole";
        target.superuser("postgres").await.batch_execute(make).await.expect("a login");
        let make = format!("create database tasks owner {login}");
        target.superuser("postgres").await.batch_execute(&make).await.expect("a database");
        source.restore(&target, login, &["--no-owner", "--no-acl"]).await;
        let damage = "alter table app.tasks alter column id restart with 1;
                      alter table app.tasks drop constraint tasks_title_length, disable trigger tasks_touch;
                      comment on table app.tasks is null";
        target.superuser("tasks").await.batch_execute(damage).await.expect("more damage");

        let (done, output) = rowkeep(&["migrate", "--repair"], &target.url(login, "tasks")).await;

        assert!(done && output.contains("set the sequence app.tasks_id_seq to 2"), "{login}: {output}");
        assert!(output.contains("repaired constraint tasks_title_length on app.tasks"), "{login}: {output}");
        assert_whole(&source, &target).await;
    }
}

/// A hosting service gives such a login: it owns its database, and is no superuser.
#[tokio::test]
#[ignore = "needs minutes, and clusters of its own: `make test-all`"]
async fn a_login_without_superuser_repairs_what_it_restored() {
    let source = Source::new("deployer").await;
    let target = OwnCluster::start().await;
    let make = "create role deployer login createrole";
    target.superuser("postgres").await.batch_execute(make).await.expect("a login");
    let make = "create database tasks owner deployer";
    target.superuser("postgres").await.batch_execute(make).await.expect("a database");
    source.restore(&target, "deployer", &["--no-owner", "--no-privileges"]).await;
    let url = target.url("deployer", "tasks");

    let output = refused(&url, &url).await;
    assert!(output.contains("table app.tasks is not as declared"), "{output}");
    let (done, output) = rowkeep(&["migrate", "--reapply-policies"], &url).await;

    assert!(done, "{output}");
    assert_whole(&source, &target).await;
}

#[tokio::test]
#[ignore = "needs minutes, and clusters of its own: `make test-all`"]
async fn a_dump_without_the_history_is_refused_before_anything_is_written() {
    let source = Source::new("app").await;
    let target = source.target(true).await;
    let admin = target.superuser("tasks").await;
    admin.batch_execute("create schema app").await.expect("the schema, which pg_restore -n does not create");
    source.restore(&target, "postgres", &["-n", "app"]).await;
    let (migrating, serving) = (target.url("postgres", "tasks"), target.url("rowkeep_login", "tasks"));

    let output = refused(&migrating, &serving).await;

    assert!(output.contains("rowkeep.migrations does not say what has been applied"), "{output}");
    assert!(output.contains("Restore the whole dump into an empty database"), "{output}");
    assert_eq!(
        texts(&admin, "select nspname::text from pg_namespace where nspname = 'rowkeep'").await,
        [""; 0]
    );
}

#[tokio::test]
#[ignore = "needs minutes, and clusters of its own: `make test-all`"]
async fn a_database_that_lost_tables_is_refused_and_they_are_not_created_again() {
    for damage in [
        "drop table app.tasks",
        "drop schema app cascade",
        "drop table rowkeep.cursor_keys",
        "alter table app.tasks rename column title to titel",
    ] {
        let database = Database::new().await;
        database.superuser().await.batch_execute(damage).await.expect(damage);

        let output = refused(&database.url("postgres"), &database.url("rowkeep_login")).await;
        let (repaired, still) = rowkeep(&["migrate", "--reapply-policies"], &database.url("postgres")).await;

        assert!(!repaired, "{damage}: {still}");
        for output in [output, still] {
            assert!(output.contains("restore the whole dump into an empty database"), "{damage}: {output}");
        }
    }
}

/// The recorded migration and policies are right, but the objects were changed by hand.
#[tokio::test]
#[ignore = "needs minutes, and clusters of its own: `make test-all`"]
async fn a_database_with_changed_policies_owners_or_privileges_is_refused_and_repaired() {
    for (damage, object) in [
        ("drop policy fence on app.tasks", "policy fence on app.tasks is missing"),
        (
            "alter policy owner_only on app.tasks using (false)",
            "policy owner_only on app.tasks is not as declared",
        ),
        ("alter table app.tasks no force row level security", "table app.tasks is not as declared"),
        ("alter table app.tasks disable row level security", "table app.tasks is not as declared"),
        ("alter table app.tasks owner to postgres", "table app.tasks is not as declared"),
        (
            "alter function app.identify(text) owner to postgres",
            "function app.identify(text) is not as declared",
        ),
        ("alter schema rowkeep owner to postgres", "schema rowkeep is not as declared"),
        (
            "revoke insert (title) on app.tasks from rowkeep_api",
            "grant of insert (title) on table app.tasks to rowkeep_api",
        ),
        (
            "revoke usage on schema app from rowkeep_api",
            "grant of usage on schema app to rowkeep_api is missing",
        ),
        (
            "set role rowkeep_api; drop owned by rowkeep_api; reset role",
            "policy owner_only on app.tasks is missing",
        ),
    ] {
        let database = Database::new().await;
        let admin = database.superuser().await;
        admin.batch_execute(damage).await.expect(damage);
        let url = database.url("postgres");

        let (done, output) = rowkeep(&["migrate"], &url).await;
        assert!(!done && output.contains(object), "{damage}: {output}");
        assert!(output.contains("Run `rowkeep migrate --reapply-policies`"), "{damage}: {output}");

        let (done, output) = rowkeep(&["migrate", "--reapply-policies"], &url).await;
        assert!(done, "{damage}: {output}");
        assert_eq!(described(&admin).await, pristine().await, "{damage}");
    }
}

#[tokio::test]
#[ignore = "needs minutes, and clusters of its own: `make test-all`"]
async fn a_database_that_lost_objects_is_refused_with_the_statements_that_restore_them() {
    for (damage, object) in [
        ("drop trigger tasks_touch on app.tasks", "trigger tasks_touch on app.tasks is missing"),
        (
            "alter table app.tasks disable trigger tasks_touch",
            "trigger tasks_touch on app.tasks is not as declared",
        ),
        (
            "alter table app.tasks drop constraint tasks_title_length",
            "constraint tasks_title_length on app.tasks is missing",
        ),
        (
            "comment on constraint tasks_title_blank on app.tasks is null",
            "comment on constraint tasks_title_blank on app.tasks is missing",
        ),
        ("drop index app.tasks_completed_idx", "index app.tasks_completed_idx is missing"),
        ("drop function app.schema_version()", "function app.schema_version() is missing"),
        ("drop function app.identify(text)", "function app.identify(text) is missing"),
        (
            "alter function app.current_user_id() immutable",
            "function app.current_user_id() is not as declared",
        ),
    ] {
        let database = Database::new().await;
        let admin = database.superuser().await;
        admin.batch_execute(damage).await.expect(damage);
        let url = database.url("postgres");

        let (done, output) = rowkeep(&["migrate"], &url).await;
        assert!(!done && output.contains(object), "{damage}: {output}");
        // Run the statements of the message, unchanged.
        let statements = output.split("as a superuser or as rowkeep_owner:\n").nth(1).expect("statements");
        let statements = statements.split("\n  Then run").next().expect("their end");
        admin.batch_execute(statements).await.unwrap_or_else(|error| panic!("{statements}: {error:?}"));
        let (done, output) = rowkeep(&["migrate", "--reapply-policies"], &url).await;

        assert!(done, "{damage}: {output}");
        assert_eq!(described(&admin).await, pristine().await, "{damage}");
    }
}

/// Its body has lines that are not indented, and blank ones.
#[tokio::test]
async fn the_statements_that_are_printed_make_a_function_as_it_was() {
    let database = Database::new().await;
    let admin = database.superuser().await;
    admin.batch_execute("drop function app.identify(text)").await.expect("damage");

    let (_, output) = rowkeep(&["migrate"], &database.url("postgres")).await;
    let statements = output.split("as a superuser or as rowkeep_owner:\n").nth(1).expect("statements");
    let statements = statements.split("\n  Then run").next().expect("their end");
    admin.batch_execute(statements).await.unwrap_or_else(|error| panic!("{statements}: {error:?}"));
    let (done, output) = rowkeep(&["migrate", "--reapply-policies"], &database.url("postgres")).await;

    assert!(done, "{output}");
    assert_eq!(described(&admin).await, pristine().await);
}

/// A line of JSON shows line breaks otherwise, and is cut where it is long.
#[tokio::test]
async fn a_line_of_the_log_has_no_statement_of_several_lines() {
    let database = Database::new().await;
    let damage = "drop function app.identify(text)";
    database.superuser().await.batch_execute(damage).await.expect(damage);

    let settings = [("DATABASE_URL", &*database.url("rowkeep_login")), ("BETTER_AUTH_SECRET", SECRET)];
    let log = Server::start(&settings).await.err().expect("no server");

    let ended = log.lines().last().expect("a line");
    assert!(ended.contains("function app.identify(text) is missing"), "{ended}");
    assert!(ended.contains("or the statements that `rowkeep migrate` prints"), "{ended}");
    assert!(!ended.to_lowercase().contains("create or replace"), "{ended}");
}

/// Roles belong to the whole cluster, so this test starts its own.
#[tokio::test]
#[ignore = "needs minutes, and clusters of its own: `make test-all`"]
async fn a_database_whose_roles_were_created_again_is_refused_and_repaired() {
    let cluster = OwnCluster::start().await;
    cluster.migrate().await;
    let admin = cluster.superuser("postgres").await;
    let anew = "drop owned by rowkeep_api, rowkeep_auditor; drop role rowkeep_api, rowkeep_auditor;
                create role rowkeep_api; create role rowkeep_auditor";
    admin.batch_execute(anew).await.expect("new roles");
    let url = cluster.url("postgres", "postgres");

    let output = refused(&url, &cluster.url("rowkeep_login", "postgres")).await;
    assert!(output.contains("policy owner_only on app.tasks is missing"), "{output}");
    let (done, output) = rowkeep(&["migrate", "--reapply-policies"], &url).await;

    assert!(done, "{output}");
    assert_eq!(described(&admin).await, pristine().await);
    // The membership was dropped with the role. The error of the server has the statement that restores it.
    let (served, output) = rowkeep(&["serve"], &cluster.url("rowkeep_login", "postgres")).await;
    assert!(!served && output.contains("GRANT rowkeep_api TO \"rowkeep_login\";"), "{output}");
    admin.batch_execute("grant rowkeep_api to rowkeep_login").await.expect("what it was told");
    start(&cluster.address("rowkeep_login", "postgres")).await.expect("a session");
}

/// Also if another program has a schema named app.
#[tokio::test]
#[ignore = "needs minutes, and clusters of its own: `make test-all`"]
async fn the_error_for_a_database_that_was_never_migrated_names_no_missing_object() {
    for damage in ["", "create schema app; create table app.others (id integer)"] {
        let database = Database::unmigrated().await;
        database.superuser().await.batch_execute(damage).await.expect(damage);

        let (served, output) = rowkeep(&["serve"], &database.url("postgres")).await;

        assert!(!served && output.contains("has not been migrated; run `rowkeep migrate`"), "{output}");
        assert!(!output.contains("missing"), "{output}");
        let (migrated, output) = rowkeep(&["migrate"], &database.url("postgres")).await;
        assert_eq!(migrated, damage.is_empty(), "{output}");
        assert!(migrated || output.contains("give Rowkeep a database of its own"), "{output}");
        assert!(!output.contains("missing"), "{output}");
    }
}

/// A migrated database does not rely on its owner.
#[tokio::test]
#[ignore = "needs minutes, and clusters of its own: `make test-all`"]
async fn the_owner_of_the_database_may_change() {
    let database = Database::new().await;
    let other = format!("other_{}", database.name);
    let damage = format!("create role {other}; alter database {} owner to {other}", database.name);
    database.superuser().await.batch_execute(&damage).await.expect("another owner");

    let (done, output) = rowkeep(&["migrate"], &database.url("postgres")).await;

    assert!(done && output.contains("up to date"), "{output}");
    start(&database.address("rowkeep_login")).await.expect("a session");
}

/// Only the audit reports them: an index or a comment of a DBA must not stop a deployment.
#[tokio::test]
#[ignore = "needs minutes, and clusters of its own: `make test-all`"]
async fn objects_that_a_dba_added_do_not_stop_a_migration() {
    let database = Database::new().await;
    let added = "create index by_hand on app.tasks (created_at);
                 create policy also on app.tasks using (true);
                 grant select on app.tasks to rowkeep_auditor;
                 comment on table app.tasks is 'ours';
                 create view app.counted with (security_invoker) as select count(*) from app.tasks";
    database.superuser().await.batch_execute(added).await.expect("more objects");

    let (done, output) = rowkeep(&["migrate"], &database.url("postgres")).await;

    assert!(done && output.contains("up to date"), "{output}");
}

/// For a dump that has only schema app: its rows can be loaded into a migrated database.
#[tokio::test]
#[ignore = "needs minutes, and clusters of its own: `make test-all`"]
async fn rows_can_be_loaded_into_a_migrated_database() {
    let source = Source::new("rows").await;
    let target = source.target(true).await;
    let url = target.url("postgres", "tasks");
    let (done, output) = rowkeep(&["migrate"], &url).await;
    assert!(done, "{output}");

    let options = ["--data-only", "--disable-triggers", "--schema=app", "--exit-on-error"];
    let restored = source.restore(&target, "postgres", &options).await;

    assert!(restored.status.success(), "{restored:?}");
    assert_whole(&source, &target).await;
}

/// Without the position of the sequence, new tasks would get ids that exist.
#[tokio::test]
#[ignore = "needs minutes, and clusters of its own: `make test-all`"]
async fn rows_loaded_without_their_sequence_are_refused_with_the_statement_that_repairs_it() {
    let source = Source::new("sequence").await;
    let target = source.target(true).await;
    let url = target.url("postgres", "tasks");
    let (done, output) = rowkeep(&["migrate"], &url).await;
    assert!(done, "{output}");
    let options = ["--data-only", "--disable-triggers", "--schema=app", "--table=tasks"];
    let restored = source.restore(&target, "postgres", &options).await;
    assert!(restored.status.success(), "{restored:?}");
    let admin = target.superuser("tasks").await;
    let collision = async || {
        begin_as(&admin, "alice").await;
        let outcome = state(admin.batch_execute("insert into app.tasks (title) values ('new')").await);
        admin.batch_execute("rollback").await.expect("an end");
        outcome
    };

    let (done, output) = rowkeep(&["migrate"], &url).await;
    assert!(!done && output.contains("app.tasks has rows, but its sequence"), "{output}");
    let statement = &output[output.find("select setval").expect("a statement")..];
    assert_eq!(collision().await, "23505");
    // The failed insert has advanced the sequence by one. The statement must still set it beyond every id.
    admin.batch_execute(statement.trim()).await.expect("the statement of the message");

    assert_eq!(collision().await, "00000");
    let (done, output) = rowkeep(&["migrate"], &url).await;
    assert!(done && output.contains("up to date"), "{output}");
}

#[tokio::test]
#[ignore = "needs minutes, and clusters of its own: `make test-all`"]
async fn the_commands_of_the_page_back_up_and_restore() {
    let source = Source::new("page").await;
    let target = OwnCluster::start().await;
    let programs = Programs::find(None).expect("PostgreSQL's programs");
    let places = [programs.path("psql"), env!("CARGO_BIN_EXE_rowkeep").into()];
    let path = places.map(|program| program.parent().expect("a directory").display().to_string()).join(":");
    let run_as = async |command: &str, login: &str, database: &str| {
        let output = Command::new("sh")
            .args(["-e", "-c", command])
            .current_dir(&source.directory)
            .env_clear()
            .env("PATH", format!("{path}:/usr/bin:/bin"))
            .env("BACKUP_URL", source.cluster.url("backup", "postgres"))
            .env("ADMIN_URL", target.url("postgres", "postgres"))
            .env("MIGRATING_LOGIN", "deployer")
            .env("NEW_URL", target.url(login, database))
            .env("DATABASE_URL", target.url(login, database))
            .envs([("ENVIRONMENT", "production"), ("BETTER_AUTH_SECRET", SECRET)])
            .output()
            .await
            .expect("a shell");
        assert!(output.status.success(), "{command}: {output:?}");
        String::from_utf8(output.stdout).expect("text")
    };
    let run = async |command: &str, database: &str| run_as(command, "postgres", database).await;
    let mut recipe = Recipe::of("Back up and restore");

    let admin = source.cluster.superuser("postgres").await;
    // As a hosting service gives it.
    let make = "create role deployer login createrole; grant rowkeep_owner, rowkeep_api to deployer";
    admin.batch_execute(make).await.expect("a migrating login");
    admin.batch_execute(&recipe.sql()).await.expect("a login for backups");
    let (_, report) = rowkeep(&["audit"], &source.cluster.url("postgres", "postgres")).await;
    assert!(report.contains("backup has BYPASSRLS"), "{report}");
    for _ in ["back up", "restore"] {
        run(&recipe.sh(), "tasks").await;
    }
    let checked = run(&recipe.sh(), "tasks").await;
    let repair = recipe.sh();
    run_as(&repair, "deployer", "tasks").await;
    // A dump of another owner gives the database to the superuser who restores it.
    let lose = "alter database tasks owner to postgres";
    target.superuser("postgres").await.batch_execute(lose).await.expect("another owner");
    run_as(&repair, "deployer", "tasks").await;

    assert!(checked.contains("up to date") && checked.contains("isolation: HELD"), "{checked}");
    // The position of the sequence differs, because the proof of the audit has used some ids.
    let rows = "select t::text from app.tasks t order by 1";
    let stored = texts(&admin, rows).await;
    assert_eq!(texts(&target.superuser("tasks").await, rows).await, stored);
    // Load only the rows into another database.
    let create = "create database rows";
    target.superuser("postgres").await.batch_execute(create).await.expect("a database");
    run("rowkeep migrate", "rows").await;
    run(&recipe.sh(), "rows").await;
    assert_eq!(texts(&target.superuser("rows").await, rows).await, stored);
    // The same with a login that the policies bind.
    let create = "create database bound owner deployer";
    target.superuser("postgres").await.batch_execute(create).await.expect("a database");
    run_as("rowkeep migrate", "deployer", "bound").await;
    let load = recipe.sh();
    // Half a dump loads nothing, and the failure is not lost.
    run(
        "cp tasks.dump whole.dump && head -c $(($(wc -c < whole.dump) / 2)) whole.dump > tasks.dump",
        "bound",
    )
    .await;
    let cut = format!("if ( {load} ); then exit 1; fi; mv whole.dump tasks.dump");
    let said = run_as(&cut, "deployer", "bound").await;
    assert!(!said.contains("applied the policies"), "{said}");
    assert_eq!(texts(&target.superuser("bound").await, rows).await, [""; 0]);
    run_as(&load, "deployer", "bound").await;
    let bound = target.superuser("bound").await;
    assert_eq!(texts(&bound, rows).await, stored);
    assert_eq!(described(&bound).await, pristine().await);
}
