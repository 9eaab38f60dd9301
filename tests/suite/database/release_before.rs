//! A server of the release before goes on in the schema of this one. Its statements are kept in `tests/releases/`.

mod calls;
mod server;
mod upgrade;

use std::collections::BTreeSet;

use refinery::Target;

use super::locks::Locks;
use super::support::{Fixture, files, texts};
use crate::world::Database;
use calls::{CALLS, FOLDER, MIGRATION};
use server::OldServer;

/// The folder `migrations/`.
mod embedded {
    refinery::embed_migrations!("migrations");
}

/// The database of the release before, as its `rowkeep migrate` left it.
async fn older_database() -> Database {
    let database = Database::unmigrated().await;
    let mut admin = database.superuser().await;
    let schema = |name: &str| text(&format!("schema/{name}.sql"));
    admin.batch_execute(&schema("migrating")).await.expect("settings");
    admin.batch_execute(&format!("begin; {}; commit", schema("history"))).await.expect("a history");
    let mut runner = embedded::migrations::runner().set_target(Target::Version(MIGRATION));
    runner.set_migration_table_name("rowkeep.migrations");
    runner.run_async(&mut admin).await.expect("migrations");

    let policies = files(&format!("{FOLDER}/policies")).into_iter().map(|(_, sql)| sql).collect::<Vec<_>>();
    admin.batch_execute(&format!("begin; {}", policies.concat())).await.expect("policies");
    let digest = text("policies/digests").lines().last().expect("a digest").to_owned();
    admin.execute(&schema("record_policies"), &[&digest]).await.expect("a record");
    admin.batch_execute("commit").await.expect("a commit");
    database
}

/// A file of the release before.
fn text(path: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(FOLDER).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Runs every statement of the release before, as its servers do, and returns what goes wrong.
pub async fn problems(database: &Database) -> Vec<String> {
    let (mut server, mut problems) = OldServer::connect(database).await;
    problems.extend(server.problems_at_start().await);
    for user in ["alice", "alice", "bob"] {
        let title = if user == "bob" { "secret" } else { "Buy milk" };
        let created = server.ask(user, "create", &[Some(title), Some("two litres"), Some("false")]).await;
        problems.extend(created.err().map(|error| format!("create: {error}")));
    }
    for (name, parameters, wanted) in CALLS {
        match server.ask("alice", name, parameters).await {
            Ok(found) if found == *wanted => {}
            Ok(found) => problems.push(format!("{name} {parameters:?}: {found:?} instead of {wanted:?}")),
            Err(error) => problems.push(format!("{name} {parameters:?}: {error}")),
        }
    }
    problems
}

#[tokio::test]
async fn every_statement_of_the_release_before_returns_the_right_rows() {
    let database = Database::new().await;

    assert_eq!(problems(&database).await, [""; 0]);

    let bobs = "select title from app.tasks where user_id = 'bob'";
    assert_eq!(texts(&database.superuser().await, bobs).await, ["secret"]);
}

/// The calls below prove nothing about a statement that is not called.
#[test]
fn every_statement_of_the_release_before_is_called() {
    let called: BTreeSet<_> = CALLS.iter().map(|(name, ..)| (*name).to_owned()).collect();
    let kept: BTreeSet<_> = files(&format!("{FOLDER}/tasks"))
        .into_iter()
        .map(|(name, _)| name)
        .filter(|name| name != "create")
        .collect();

    assert_eq!(called, kept);
}

/// What later migrations must not do, so that the test above would notice it.
#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_migration_that_breaks_the_release_before_is_noticed() {
    for (damage, named) in [
        (
            "alter table app.tasks rename column description to details",
            "column \"description\" does not exist",
        ),
        ("alter table app.tasks add column priority integer not null", "null value in column \"priority\""),
        ("alter function app.identify(text) rename to become", "app.identify"),
        ("drop collation app.letters", "collation \"app.letters\""),
        ("revoke delete on app.tasks from rowkeep_api", "permission denied for table tasks"),
        (
            "alter table app.tasks alter column completed set default true; alter policy owner_only on app.tasks using (completed)",
            "list",
        ),
        ("comment on constraint tasks_title_blank on app.tasks is null", "tasks_title_blank"),
        ("create table app.notes (user_id text collate \"C\")", "tables_protected"),
        ("drop function app.cursor_key()", "cursor_key"),
    ] {
        let database = Database::new().await;
        database
            .superuser()
            .await
            .batch_execute(damage)
            .await
            .unwrap_or_else(|error| panic!("{damage}: {error:?}"));

        let found = problems(&database).await;

        assert!(found.iter().any(|problem| problem.contains(named)), "{damage}: {found:#?}");
    }
}

/// Both locks hold for its statements, too.
#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn each_lock_alone_keeps_the_statements_of_the_release_before_from_rows_of_others() {
    let locks = Locks::of(Database::new().await, "tasks", &format!("{FOLDER}/tasks")).await;

    assert_eq!(locks.silent().await, [""; 0]);
    assert_eq!(locks.past_the_policy().await, [""; 0]);
    assert_eq!(locks.past_the_filter().await, [""; 0]);
    assert_eq!(locks.past_the_transaction().await, [""; 0]);
    assert_eq!(locks.wrongly_created().await, [""; 0]);
}

/// `rowkeep migrate` stops at a database whose record has another checksum.
#[test]
fn no_migration_of_the_release_before_was_edited() {
    let runner = embedded::migrations::runner();
    let released = runner.get_migrations().iter().filter(|migration| migration.version() <= MIGRATION);

    let found: Vec<_> =
        released.map(|one| format!("{} {} {}", one.version(), one.name(), one.checksum())).collect();

    assert_eq!(found, text("migrations").lines().collect::<Vec<_>>());
}

/// A value that it refuses is told in the words of the constraint.
#[tokio::test]
async fn a_constraint_refuses_values_of_the_release_before_by_a_name_that_it_knows() {
    let fixture = Fixture::new().await;
    let (mut server, problems) = OldServer::connect(&fixture.database).await;
    assert_eq!(problems, [""; 0]);

    let refused = server.ask("bob", "create", &[Some(" "), None, Some("false")]).await;

    assert_eq!(refused.expect_err("a refusal"), "23514 tasks_title_blank");
    assert_eq!(fixture.stored("bob").await.len(), 2);
    let messages = texts(&fixture.admin, &text("schema/constraint_messages.sql")).await;
    assert!(messages.contains(&"tasks_title_blank".to_owned()), "{messages:?}");
}
