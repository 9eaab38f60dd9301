//! Helpers of the database tests.

use tokio_postgres::{Client, Error};

use crate::world::Database;

/// A database in which alice and bob each have a pending and a completed task.
pub struct Fixture {
    /// A connection of the superuser, who bypasses the policies.
    pub admin: Client,
    /// A connection of the recommended login.
    pub login: Client,
    /// The ids of alice's tasks, the pending one first.
    pub alices: [i64; 2],
    /// The ids of bob's tasks, the pending one first.
    pub bobs: [i64; 2],
    pub database: Database,
}

impl Fixture {
    pub async fn new() -> Self {
        let database = Database::new().await;
        let admin = database.superuser().await;
        let login = database.client("rowkeep_login").await;

        let alices = two_tasks(&login, "alice").await;
        let bobs = two_tasks(&login, "bob").await;
        Self { admin, login, alices, bobs, database }
    }

    /// Runs `sql` as bob with the recommended login, commits, and returns the SQLSTATE, or `"00000"`.
    pub async fn bob_runs(&self, sql: &str) -> String {
        begin_as(&self.login, "bob").await;
        let outcome = state(self.login.batch_execute(sql).await);
        self.login.batch_execute("commit").await.expect("an end");
        outcome
    }

    /// All rows of `user` with all columns.
    pub async fn stored(&self, user: &str) -> Vec<String> {
        texts(&self.admin, &format!("select t::text from app.tasks t where user_id = '{user}' order by id"))
            .await
    }
}

async fn two_tasks(client: &Client, user: &str) -> [i64; 2] {
    let pending = creates(client, user, "pending").await;
    let completed = creates(client, user, "completed").await;
    begin_as(client, user).await;
    let complete = format!("update app.tasks set completed = true where id = {completed}; commit");
    client.batch_execute(&complete).await.expect("a change");
    [pending, completed]
}

/// Begins a transaction with the identity `user`, as psql and the server do.
pub async fn begin_as(client: &Client, user: &str) {
    client.batch_execute("begin").await.expect("a transaction");
    client.execute("select app.identify($1)", &[&user]).await.expect("an identity");
}

/// Creates a task of `user` and returns its id.
pub async fn creates(client: &Client, user: &str, title: &str) -> i64 {
    begin_as(client, user).await;
    let insert = "insert into app.tasks (title) values ($1) returning id";
    let row = client.query_one(insert, &[&title]).await.expect("a task");
    client.batch_execute("commit").await.expect("a commit");
    row.get(0)
}

/// The first column of each row.
pub async fn texts(client: &Client, sql: &str) -> Vec<String> {
    let rows = client.query(sql, &[]).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    rows.iter().map(|row| row.get(0)).collect()
}

/// The SQLSTATE of an outcome, `"00000"` for success.
pub fn state<T>(outcome: Result<T, Error>) -> String {
    match outcome {
        Ok(_) => "00000".into(),
        Err(error) => error.code().unwrap_or_else(|| panic!("{error:?}")).code().to_owned(),
    }
}

/// The SQL files of a folder of `sql/`, by name without extension, with their text.
pub fn files(folder: &str) -> Vec<(String, String)> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let entries = std::fs::read_dir(&folder).expect("a folder").map(|entry| entry.expect("a file").path());
    let mut files: Vec<_> = entries
        .filter(|path| path.extension().is_some_and(|extension| extension == "sql"))
        .map(|path| {
            let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
            (name, std::fs::read_to_string(&path).expect("text"))
        })
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{} is empty", folder.display());
    files
}

/// The statement without its comments.
pub fn without_comments(sql: &str) -> String {
    sql.lines().filter(|line| !line.trim_start().starts_with("--")).collect::<Vec<_>>().join("\n")
}
