//! A connection as a server of the release before has it: its login, its settings, its prepared statements, its transactions.

use std::collections::HashMap;

use futures_util::future::join4;
use tokio_postgres::types::{FromSql, ToSql, Type};
use tokio_postgres::{Client, Error, Row, Statement};

use super::super::locks::Literal;
use super::super::support::files;
use super::calls::FOLDER;
use super::text;
use crate::world::Database;

/// The statements that each connection prepares beside those about tasks.
const OF_REQUESTS: [&str; 7] =
    ["begin", "begin_read", "begin_snapshot", "settings", "identify", "commit", "rollback"];

pub struct OldServer {
    client: Client,
    prepared: HashMap<String, Statement>,
}

impl OldServer {
    /// With what goes wrong while it connects.
    pub async fn connect(database: &Database) -> (Self, Vec<String>) {
        let client = database.client("rowkeep_login").await;
        let mut this = Self { client, prepared: HashMap::new() };
        let mut problems = Vec::new();
        let of_session =
            OF_REQUESTS.map(|name| (format!("session/{name}"), text(&format!("session/{name}.sql"))));
        let of_tasks =
            files(&format!("{FOLDER}/tasks")).into_iter().map(|(name, sql)| (format!("tasks/{name}"), sql));
        // The settings come first: an empty search path shows what a statement does not name in full.
        let limits = [Some("false"), Some("5000"), Some("2000"), Some("10000")];
        if let Err(error) = this.run(&text("session/settings.sql"), &limits).await {
            problems.push(format!("settings: {}", said(&error)));
        }
        for (name, sql) in of_session.into_iter().chain(of_tasks) {
            match this.client.prepare(&sql).await {
                Ok(statement) => {
                    this.prepared.insert(name, statement);
                }
                Err(error) => problems.push(format!("{name}: {}", said(&error))),
            }
        }
        (this, problems)
    }

    /// One statement about tasks in the transaction of a request, in one write: BEGIN, the identity, the statement, COMMIT.
    ///
    /// # Errors
    /// The first error, as SQLSTATE and constraint, or as SQLSTATE and message.
    pub async fn ask(
        &mut self,
        user: &str,
        name: &str,
        parameters: &[Option<&str>],
    ) -> Result<Vec<String>, String> {
        let is_write = ["create", "edit", "delete"].contains(&name);
        let begin = self.statement(if is_write { "session/begin" } else { "session/begin_read" })?;
        let [identify, commit] = [self.statement("session/identify")?, self.statement("session/commit")?];
        let query = self.statement(&format!("tasks/{name}"))?;
        let identity = Literal(Some(user.to_owned()));
        let values: Vec<_> = parameters.iter().map(|value| Literal(value.map(str::to_owned))).collect();
        let bound = (name != "create").then_some(&identity).into_iter().chain(&values);
        let bound: Vec<&(dyn ToSql + Sync)> = bound.map(|value| value as _).collect();

        let (begun, identified, rows, committed) = join4(
            self.client.execute(&begin, &[]),
            self.client.query(&identify, &[&identity]),
            self.client.query(&query, &bound),
            self.client.execute(&commit, &[]),
        )
        .await;
        let outcome = begun.and(identified).and(rows).and_then(|rows| committed.map(|_| rows));
        if outcome.is_err() {
            // Postgres warns if the COMMIT has ended the transaction.
            let _ = self.client.batch_execute(&text("session/rollback.sql")).await;
        }
        Ok(outcome.map_err(|error| said(&error))?.iter().map(words).collect())
    }

    fn statement(&self, name: &str) -> Result<Statement, String> {
        self.prepared.get(name).cloned().ok_or_else(|| format!("{name} could not be prepared"))
    }

    async fn run(&self, sql: &str, parameters: &[Option<&str>]) -> Result<Vec<Row>, Error> {
        let values: Vec<_> = parameters.iter().map(|value| Literal(value.map(str::to_owned))).collect();
        let bound: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| value as _).collect();
        self.client.query(&self.client.prepare(sql).await?, &bound).await
    }

    /// What its start and its `/health` refuse: the data that it reads, and the two transactions of its probe.
    pub async fn problems_at_start(&mut self) -> Vec<String> {
        let mut problems = Vec::new();
        for (file, parameters) in [
            ("schema/server", &[][..]),
            ("schema/version", &[]),
            ("schema/constraint_messages", &[]),
            ("schema/cursor_key", &[]),
            ("session/connection", &[]),
            ("session/pooler", &[]),
            ("session/end_backends", &[Some("{}"), Some("{}")]),
            ("session/begin_read", &[]),
            ("session/identify", &[Some("rowkeep probe")]),
            ("session/probe", &[Some("rowkeep probe")]),
            ("session/commit", &[]),
            ("session/begin_read", &[]),
            ("session/collation_version", &[]),
            ("session/assume_role", &[]),
            ("session/probe_without_identity", &[]),
            ("session/no_role", &[]),
            ("session/commit", &[]),
        ] {
            match self.run(&text(&format!("{file}.sql")), parameters).await {
                Ok(rows) => problems.extend(rows.iter().flat_map(|row| wrong(file, row))),
                Err(error) => problems.push(format!("{file}: {}", said(&error))),
            }
        }
        problems
    }
}

/// What a server does not start with, in a row of an answer: a check that is false, or a value that is missing.
fn wrong(file: &str, row: &Row) -> Vec<String> {
    let columns = row.columns().iter().enumerate();
    // The first two columns of the probe describe the server.
    let skipped = if file == "session/probe" { 2 } else { 0 };
    let wrong = columns.skip(skipped).filter(|(index, column)| match *column.type_() {
        Type::BOOL => row.get::<_, Option<bool>>(*index) != Some(true),
        _ if file.starts_with("schema/") => row.get::<_, Option<Bytes>>(*index).is_none(),
        // The sentence about rules for sorting that have changed.
        _ if file == "session/collation_version" => row.get::<_, Option<Bytes>>(*index).is_some(),
        _ => false,
    });
    let first = row.try_get::<_, String>(0).unwrap_or_default();
    wrong.map(|(_, column)| format!("{file}: {} {first}", column.name())).collect()
}

/// A value of any type.
struct Bytes;

impl<'a> FromSql<'a> for Bytes {
    fn from_sql(_: &Type, _: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self)
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// A row of a task, of a count, or the id of a deleted task.
fn words(row: &Row) -> String {
    if row.len() == 1 {
        return row.get::<_, i64>(0).to_string();
    }
    let description: Option<String> = row.get("description");
    format!(
        "{}|{}|{}|{}|{}",
        row.get::<_, i64>("id"),
        row.get::<_, String>("user_id"),
        row.get::<_, String>("title"),
        description.unwrap_or_default(),
        row.get::<_, bool>("completed")
    )
}

fn said(error: &Error) -> String {
    let Some(error) = error.as_db_error() else { return format!("{error:?}") };
    format!("{} {}", error.code().code(), error.constraint().unwrap_or_else(|| error.message()))
}
