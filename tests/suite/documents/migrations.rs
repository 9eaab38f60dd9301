//! The SQL of docs/migrations.md runs, keeps the rules of the page, and breaks no server of the release before.

use tokio_postgres::Client;

use super::markdown::{Page, root};
use crate::database::migration_files::{SINCE, faults, statements};
use crate::database::release_before::problems;
use crate::database::support::{Fixture, texts};
use crate::world::Database;

/// The block of SQL on the page that begins with this text.
fn block(start: &str) -> String {
    let mut blocks = Page::read("docs/migrations.md").blocks().into_iter();
    let found = blocks.find(|block| block.language == "sql" && block.text.starts_with(start));
    found.unwrap_or_else(|| panic!("no block begins with {start}")).text
}

/// The migrations of the page, in the order in which they run.
pub fn migrations() -> Vec<String> {
    let starts = [
        "-- Users could not say what comes first.",
        "-- The rule of the migration before holds for all rows.",
        "-- Users could not say who has asked for a task.",
        "-- Every server writes asked_by now.",
        "-- Tasks from before asked_by have none.",
        "-- No row is left without asked_by.",
        "-- PostgreSQL knows from the check that there is no null, and reads no row.",
        "-- Lists by the time of the last change read all tasks of the user.",
    ];
    starts.map(block).to_vec()
}

/// With the settings of `rowkeep migrate`.
async fn migrating(database: &Database) -> Client {
    let admin = database.superuser().await;
    let settings = std::fs::read_to_string(root().join("sql/schema/migrating.sql")).expect("a file");
    admin.batch_execute(&settings).await.expect("settings");
    admin
}

/// Runs a migration as `rowkeep migrate` does.
async fn apply(admin: &Client, migration: &str) -> Result<(), String> {
    let done = admin.batch_execute(&format!("begin; {migration} commit")).await;
    if done.is_err() {
        admin.batch_execute("rollback").await.expect("an end");
    }
    done.map_err(|error| format!("{:?}", error.as_db_error()))
}

#[test]
fn every_block_of_the_page_about_migrations_is_known_and_keeps_its_rules() {
    let mut earlier = Vec::new();
    for migration in migrations() {
        assert_eq!(faults(SINCE, &migration, &earlier), [""; 0], "{migration}");
        earlier.extend(statements(&migration));
    }
    let blocks = Page::read("docs/migrations.md").blocks();
    let of_sql = blocks.iter().filter(|block| block.language == "sql").count();
    // The one more is for operators.
    assert_eq!(of_sql, migrations().len() + 1);
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn servers_of_the_release_before_go_on_after_each_migration_of_the_page() {
    for last in 1..=migrations().len() {
        let database = Database::new().await;
        let admin = migrating(&database).await;
        for migration in &migrations()[..last] {
            apply(&admin, migration).await.unwrap_or_else(|error| panic!("{migration}: {error}"));
        }

        assert_eq!(problems(&database).await, [""; 0], "{}", migrations()[last - 1]);
    }
}

#[tokio::test]
async fn the_migrations_of_the_page_reach_every_row() {
    let fixture = Fixture::new().await;
    let admin = migrating(&fixture.database).await;

    for migration in migrations() {
        apply(&admin, &migration).await.unwrap_or_else(|error| panic!("{migration}: {error}"));
    }

    let rows = "select concat_ws(' ', user_id, priority, '[' || asked_by || ']') from app.tasks order by id";
    assert_eq!(texts(&admin, rows).await, ["alice 3 []", "alice 3 []", "bob 3 []", "bob 3 []"]);
    let column = "select attnotnull::text from pg_attribute
                   where attrelid = 'app.tasks'::regclass and attname = 'asked_by'";
    assert_eq!(texts(&admin, column).await, ["true"]);
    let open =
        "select relname::text from pg_class where oid = 'app.tasks'::regclass and not relforcerowsecurity
                union all select conname from pg_constraint where not convalidated";
    assert_eq!(texts(&admin, open).await, [""; 0]);
}

#[tokio::test]
async fn an_index_that_was_built_before_is_found_by_its_migration_and_an_invalid_one_stops_it() {
    let migration = block("-- Lists by the time of the last change");
    let fixture = Fixture::new().await;
    let operator = fixture.database.superuser().await;
    for statement in block("set role rowkeep_owner;\ncreate index concurrently").split_inclusive(";\n") {
        operator.batch_execute(statement).await.expect("a statement of the operator");
    }
    let admin = migrating(&fixture.database).await;
    let index = "select indexrelid::text || indisvalid from pg_index
                  where indexrelid = to_regclass('app.tasks_changed_idx')";
    let before = texts(&admin, index).await;
    assert!(before.len() == 1 && before[0].ends_with("true"), "{before:?}");

    apply(&admin, &migration).await.expect("a migration");
    assert_eq!(texts(&admin, index).await, before);

    let fail = "update pg_index set indisvalid = false where indexrelid = 'app.tasks_changed_idx'::regclass";
    admin.batch_execute(fail).await.expect("an invalid index");
    let refused = apply(&admin, &migration).await.expect_err("an error");
    assert!(refused.contains("the index app.tasks_changed_idx is invalid"), "{refused}");
    assert!(refused.contains("Run DROP INDEX app.tasks_changed_idx;"), "{refused}");
    admin.batch_execute("drop index app.tasks_changed_idx").await.expect("the advice");
    apply(&admin, &migration).await.expect("a migration");
    assert!(texts(&admin, index).await[0].ends_with("true"));
}
