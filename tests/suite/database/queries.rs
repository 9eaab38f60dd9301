//! The queries of `sql/`: they prepare, and they name their columns and schemas.

use std::path::Path;

use rowkeep::session::SESSION_STATEMENTS;
use rowkeep::tasks;

use super::locks::{folder, tables};
use super::support::{files, without_comments};
use crate::world::Database;

/// `sql/` and its folders. sql/setup and sql/scale have scripts for psql, and sql/nodes is for a distributed database.
fn folders() -> Vec<String> {
    let sql = Path::new(env!("CARGO_MANIFEST_DIR")).join("sql");
    let entries = std::fs::read_dir(sql).expect("a folder").map(|entry| entry.expect("an entry").path());
    let folders = entries
        .filter(|entry| entry.is_dir())
        .filter_map(|path| path.file_name().map(|name| name.to_owned()));
    let names = folders.map(|name| format!("sql/{}", name.to_string_lossy()));
    let others = ["sql/setup", "sql/scale", "sql/nodes"];
    names.filter(|name| !others.contains(&name.as_str())).chain(["sql".into()]).collect()
}

#[tokio::test]
async fn every_file_of_sql_prepares_against_a_migrated_database() {
    let database = Database::new().await;
    let client = database.superuser().await;
    // The statements of an adoption name its temporary tables, which end with a transaction.
    let (_, stage) = files("sql/adopt").into_iter().find(|(name, _)| name == "stage").expect("a file");
    client.batch_execute(&format!("begin; {stage}")).await.expect("temporary tables");

    for folder in folders() {
        for (name, sql) in files(&folder) {
            // The extended protocol takes one statement at a time, and a script has several.
            for statement in statements(&sql) {
                let prepared = client.prepare(&statement).await;
                assert!(prepared.is_ok(), "{folder}/{name}.sql: {:?}\n{statement}", prepared.err());
            }
        }
    }
}

#[tokio::test]
async fn every_query_prepares_for_the_role_of_requests() {
    let database = Database::new().await;
    let client = database.client("rowkeep_login").await;
    let mut folders = vec!["sql/session".to_owned()];
    folders.extend(tables(&client).await.iter().filter_map(|table| folder(table, &["sql"])));

    for folder in folders {
        for (name, sql) in files(&folder) {
            let prepared = client.prepare(&sql).await;
            assert!(prepared.is_ok(), "{folder}/{name}.sql: {:?}", prepared.err());
        }
    }
}

/// Unnamed statements are sent with the types that Rust declares. Another type could choose another operator.
#[tokio::test]
async fn every_statement_declares_the_parameter_types_that_postgres_infers() {
    let database = Database::new().await;
    let client = database.client("rowkeep_login").await;
    let queries = tasks::QUERIES.iter().map(|query| query.statement());

    for statement in SESSION_STATEMENTS.iter().copied().chain(queries) {
        let inferred = client.prepare(statement.sql).await.expect(statement.name);

        let declared: Vec<_> = statement.parameter_types.iter().map(|kind| kind.driver_type()).collect();
        assert_eq!(declared, inferred.params(), "{}", statement.name);
    }
}

#[tokio::test]
async fn every_query_names_its_columns_and_its_schema() {
    let database = Database::new().await;

    for table in tables(&database.superuser().await).await {
        for (name, sql) in files(&folder(&table, &["sql"]).expect("a folder of queries")) {
            let sql = without_comments(&sql);
            let (named, qualified) =
                (sql.matches(&table).count(), sql.matches(&format!("app.{table}")).count());

            // A count of rows names no columns.
            assert!(!sql.replace("count(*)", "").contains('*'), "sql/{table}/{name}.sql");
            assert_eq!(named, qualified, "sql/{table}/{name}.sql");
        }
    }
}

/// The statements of a script. A line that begins with `\` is for psql.
pub fn statements(sql: &str) -> Vec<String> {
    let sql = without_comments(sql);
    let lines: Vec<_> = sql.lines().filter(|line| !line.starts_with('\\')).collect();
    let script = lines.join("\n");
    let statements = rowkeep::schema::statements(&script).into_iter();
    statements.map(|statement| statement.trim().trim_end_matches(';').to_owned()).collect()
}
