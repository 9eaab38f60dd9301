//! Each statement of a request binds the user by equality, at the top of its condition. So it reads one part of an index, and
//! one shard if the table is distributed by `user_id`. A real parser of SQL reads the statements.

use sqlparser::ast::{
    BinaryOperator, Delete, Expr, FromTable, Insert, SetExpr, Statement, TableFactor, TableWithJoins, Update,
};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::Parser;

use super::locks::{folder, tables};
use super::support::files;
use crate::world::Database;

/// The column by which tables are distributed.
const DISTRIBUTED_BY: &str = "user_id";

/// What is wrong with a statement about `app.<table>`; none if it goes to one shard.
fn problem(table: &str, sql: &str) -> Option<String> {
    let parsed = match Parser::parse_sql(&PostgreSqlDialect {}, sql) {
        Ok(parsed) => parsed,
        Err(error) => return Some(format!("cannot be read: {error}")),
    };
    let [statement] = &*parsed else { return Some(format!("{} statements", parsed.len())) };
    let name = format!("app.{table}");
    let named =
        statement.to_string().matches("app.").count() - statement.to_string().matches("app.letters").count();
    if named != 1 {
        return Some(format!("names {named} objects of app beside the collation"));
    }
    let conditions = match statement {
        Statement::Insert(Insert { source, columns, table: into, .. }) => {
            // The row gets the user of the transaction, whatever the client says.
            let names_user = columns.iter().any(|column| column.to_string() == DISTRIBUTED_BY);
            let values = source.as_ref().is_some_and(|source| matches!(*source.body, SetExpr::Values(_)));
            return (names_user || !values || into.to_string() != name)
                .then(|| "inserts something else than one row of the user of the transaction".into());
        }
        Statement::Update(Update { table, selection, .. }) => vec![(vec![table], selection.as_ref())],
        Statement::Delete(Delete { from, selection, .. }) => {
            let (FromTable::WithFromKeyword(tables) | FromTable::WithoutKeyword(tables)) = from;
            vec![(tables.iter().collect(), selection.as_ref())]
        }
        Statement::Query(query) if query.with.is_none() => match &*query.body {
            SetExpr::Select(select) => vec![(select.from.iter().collect(), select.selection.as_ref())],
            _ => return Some("is not one SELECT".into()),
        },
        other => return Some(format!("is neither a query nor a change: {other}")),
    };
    conditions.into_iter().find_map(|(from, condition)| {
        if from.iter().any(|part| !part.joins.is_empty()) {
            return Some("joins tables".into());
        }
        let reads: Vec<&TableFactor> = from.iter().map(|part: &&TableWithJoins| &part.relation).collect();
        let [TableFactor::Table { name: read, alias, .. }] = &*reads else {
            return Some("does not read one table".into());
        };
        if read.to_string() != name {
            return Some(format!("reads {read}"));
        }
        let column =
            alias.as_ref().map_or(DISTRIBUTED_BY.into(), |alias| format!("{}.{DISTRIBUTED_BY}", alias.name));
        let binds = condition
            .is_some_and(|condition| must_hold(condition).iter().any(|part| binds_user(part, &column)));
        (!binds).then(|| format!("has no {column} = $1 that must hold"))
    })
}

/// The parts of a condition that must all hold.
fn must_hold(condition: &Expr) -> Vec<&Expr> {
    match condition {
        Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
            [must_hold(left), must_hold(right)].concat()
        }
        Expr::Nested(inner) => must_hold(inner),
        other => vec![other],
    }
}

fn binds_user(condition: &Expr, column: &str) -> bool {
    let Expr::BinaryOp { left, op: BinaryOperator::Eq, right } = condition else { return false };
    left.to_string() == column && right.to_string() == "$1"
}

#[tokio::test]
async fn every_statement_of_every_table_goes_to_one_shard() {
    let database = Database::new().await;

    for table in tables(&database.superuser().await).await {
        let folder = folder(&table, &["sql"]).expect("a folder of statements");
        let files = files(&folder);
        assert!(!files.is_empty(), "{folder}");
        for (name, sql) in files {
            assert_eq!(problem(&table, &sql), None, "{folder}/{name}.sql");
        }
    }
}

#[test]
fn a_statement_that_could_go_to_several_shards_is_found() {
    for sql in [
        "select id from app.tasks",
        "select id from app.tasks where id = $1",
        "select id from app.tasks where user_id = $1 or id = $2",
        "select id from app.tasks where not (user_id = $1)",
        "select id from app.tasks where user_id >= $1",
        "select id from app.tasks where user_id = $2",
        "select id from app.tasks where user_id = lower($1)",
        "select id from app.tasks where user_id = current_setting('app.user_id')",
        "select id from app.tasks where user_id in ($1, $2)",
        "select id from app.tasks where user_id = any ($1)",
        "select t.id from app.tasks t where exists (select from app.tasks where user_id = $1)",
        "select id from app.tasks where user_id = $1 union select id from app.tasks",
        "with t as (select id from app.tasks) select id from t where user_id = $1",
        "select t.id from app.tasks t, app.tasks u where t.user_id = $1",
        "select t.id from app.tasks t join app.tasks u on true where t.user_id = $1",
        "select id from app.tasks where user_id = $1 and id in (select id from app.tasks)",
        "update app.tasks set completed = true where id = $1",
        "update app.tasks set completed = true where user_id = $1 or true",
        "delete from app.tasks where id = $1",
        "insert into app.tasks (user_id, title) values ($1, $2)",
        "insert into app.tasks (title) select title from app.tasks",
        "merge into app.tasks t using app.tasks s on t.id = s.id when matched then delete",
        "select id from app.tasks where user_id = $1; delete from app.tasks",
        "select id from",
    ] {
        assert_ne!(problem("tasks", sql), None, "{sql}");
    }
    assert_eq!(
        problem("tasks", "select id from app.tasks where id = $2 and (completed and user_id = $1)"),
        None
    );
}
