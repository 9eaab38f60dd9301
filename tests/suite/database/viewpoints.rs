//! What each kind of role can see and change in the database: users, the owner, auditors, unrelated logins and superusers.
//!
//! Each of them runs the same statements ([`reading`]). The tests of the superuser show that every statement reaches all rows
//! without policies and privileges.

mod auditor;
mod changing;
mod channels;
mod forbidden;
mod identity;
mod keys;
mod login;
mod no_identity;
mod owner;
mod reading;
mod refusals;
mod rights;
mod superuser;
mod unrelated_logins;
mod user;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use futures_util::{StreamExt, TryStreamExt};
use tokio_postgres::{AsyncMessage, Client, Error, NoTls, SimpleQueryMessage};

use super::support::{begin_as, creates};
use crate::world::Database;

/// The titles of all tasks, numbered by their ids from 1. They occur nowhere else, so a test notices a title in any output:
/// a column, a line of a copy, a notice or an error.
const TASKS: [&str; 4] = ["alice-1", "alice-2", "bob-1", "bob-2"];
const ALICES: &[&str] = &["alice-1", "alice-2"];
const BOBS: &[&str] = &["bob-1", "bob-2"];
const NONE: &[&str] = &[];

/// The outcome of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Outcome {
    /// The SQLSTATE.
    state: String,
    /// The tasks whose titles were anywhere in the output.
    seen: Vec<String>,
    /// The tasks that were changed or deleted, and the users of new tasks.
    changed: Vec<String>,
}

fn outcome(state: &str, seen: &[&str], changed: &[&str]) -> Outcome {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Outcome { state: state.into(), seen: owned(seen), changed: owned(changed) }
}

/// The statement runs, shows these tasks and changes none.
fn sees(tasks: &[&str]) -> Outcome {
    outcome("00000", tasks, NONE)
}

/// The statement runs, shows no task and changes these.
fn changes(tasks: &[&str]) -> Outcome {
    outcome("00000", NONE, tasks)
}

/// The statement fails, shows no task and changes none.
fn refused(state: &str) -> Outcome {
    outcome(state, NONE, NONE)
}

/// A database with two tasks each of alice and bob. Every statement is undone.
struct TestDatabase {
    admin: Client,
    database: Database,
}

impl TestDatabase {
    async fn new() -> Self {
        let database = Database::new().await;
        let login = database.client("rowkeep_login").await;
        for title in TASKS {
            let (user, number) = title.split_once('-').expect("a user and a number");
            let id = creates(&login, user, title).await;
            if number == "2" {
                begin_as(&login, user).await;
                let complete = format!("update app.tasks set completed = true where id = {id}; commit");
                login.batch_execute(&complete).await.expect("a change");
            }
        }

        let admin = database.superuser().await;
        let keep = "create temp table kept as table app.tasks; analyze app.tasks";
        admin.batch_execute(keep).await.expect("a copy to go back to");
        Self { admin, database }
    }

    /// A session of `login` that sends `opening` before every statement.
    async fn session(&self, login: &str, opening: &str) -> TestSession<'_> {
        let address = self.database.address(login);
        let (client, mut connection) =
            address.config_for(&address.hosts().all[0]).connect(NoTls).await.expect("a connection");
        let notices = Arc::new(Mutex::new(String::new()));
        let for_notices = notices.clone();
        tokio::spawn(async move {
            let mut messages = futures_util::stream::poll_fn(move |context| connection.poll_message(context));
            while let Some(Ok(message)) = messages.next().await {
                if let AsyncMessage::Notice(notice) = message {
                    for_notices.lock().expect("no poison").push_str(&format!("{notice:?}"));
                }
            }
        });
        TestSession { database: self, client, notices, opening: opening.into() }
    }

    /// A session of `user` as the server opens it: through the recommended login, identified.
    async fn user(&self, user: &str) -> TestSession<'_> {
        self.session("rowkeep_login", &format!("begin; select app.identify('{user}')")).await
    }

    /// The reading statements that make XML. None if the server was built without XML.
    async fn xml_reads(&self) -> &'static [&'static str] {
        // feature_not_supported
        if self.admin.simple_query("select xmlelement(name x)").await.is_ok() {
            reading::XML_READS
        } else {
            &[]
        }
    }

    /// The changing statements that this release of PostgreSQL knows.
    async fn newer_changes_with_returning(&self) -> Vec<&'static str> {
        let version = "select current_setting('server_version_num')::int";
        let version: i32 = self.admin.query_one(version, &[]).await.expect("a version").get(0);
        let newer = changing::NEWER_CHANGES_WITH_RETURNING.iter();
        newer.filter(|(since, _)| version >= *since).map(|(_, sql)| *sql).collect()
    }

    /// A login for this test alone, with these attributes. `more` can give it privileges; `{}` there is its name.
    async fn login(&self, kind: &str, more: &str) -> String {
        let name = format!("{kind}_{}", self.database.name);
        let make = format!("create role {name} login; {}", more.replace("{}", &name));
        self.admin.batch_execute(&make).await.expect("a login");
        name
    }

    /// Every row by its id.
    async fn stored(&self) -> BTreeMap<i64, (String, String)> {
        let rows = self.admin.query("select id, user_id, t::text from app.tasks t", &[]).await.expect("rows");
        rows.iter().map(|row| (row.get(0), (row.get(1), row.get(2)))).collect()
    }

    /// The changes, which are undone.
    async fn changed(&self, before: &BTreeMap<i64, (String, String)>) -> Vec<String> {
        let after = self.stored().await;
        let old = before.iter().filter(|(id, row)| after.get(id) != Some(row));
        let mut changed: Vec<String> =
            old.map(|(id, _)| TASKS[usize::try_from(*id - 1).expect("an id from 1")].to_owned()).collect();
        let new = after.iter().filter(|(id, _)| !before.contains_key(id));
        changed.extend(new.map(|(_, (user, _))| format!("a new one of {user}'s")));

        if !changed.is_empty() {
            let restore = "
                set session_replication_role = replica;
                truncate app.tasks;
                insert into app.tasks overriding system value table kept;
                reset session_replication_role";
            self.admin.batch_execute(restore).await.expect("as it was");
        }
        changed
    }
}

/// A session like that of psql.
struct TestSession<'a> {
    database: &'a TestDatabase,
    client: Client,
    /// The notices of the session.
    notices: Arc<Mutex<String>>,
    opening: String,
}

impl TestSession<'_> {
    /// The outcome of `sql`. It is committed if possible, and leaves nothing in the session.
    async fn sends(&self, sql: &str) -> Outcome {
        let before = self.database.stored().await;
        self.notices.lock().expect("no poison").clear();

        self.client.batch_execute(&self.opening).await.expect("an opening");
        let (mut output, state) = match self.output(sql).await {
            (output, None) => (output, "00000".to_owned()),
            (output, Some(error)) => {
                let error = error.as_db_error().unwrap_or_else(|| panic!("{sql}: {error:?}"));
                (output + &format!("{error:?}"), error.code().code().to_owned())
            }
        };
        self.client.batch_execute("commit").await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        self.client.batch_execute("discard all").await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));

        output.push_str(&self.notices.lock().expect("no poison"));
        let seen =
            TASKS.iter().filter(|title| output.contains(**title)).map(|&title| title.to_owned()).collect();
        Outcome { state, seen, changed: self.database.changed(&before).await }
    }

    /// The whole output of `sql`, and its error.
    async fn output(&self, sql: &str) -> (String, Option<Error>) {
        if sql.starts_with("copy") && sql.contains("to stdout") {
            return match self.copied(sql).await {
                Ok(lines) => (lines, None),
                Err(error) => (String::new(), Some(error)),
            };
        }
        let mut output = String::new();
        let mut messages = match self.client.simple_query_raw(sql).await {
            Ok(messages) => Box::pin(messages),
            Err(error) => return (output, Some(error)),
        };
        while let Some(message) = messages.next().await {
            match message {
                Ok(SimpleQueryMessage::Row(row)) => {
                    output.extend((0..row.len()).flat_map(|column| [row.get(column).unwrap_or(""), "\n"]));
                }
                Ok(_) => {}
                Err(error) => return (output, Some(error)),
            }
        }
        (output, None)
    }

    async fn copied(&self, sql: &str) -> Result<String, Error> {
        let lines = self.client.copy_out(sql).await?;
        let lines: Vec<bytes::Bytes> = lines.try_collect().await?;
        Ok(String::from_utf8_lossy(&lines.concat()).into_owned())
    }

    /// The statements with an unexpected outcome, each with that outcome.
    async fn unexpected(&self, statements: &[&str], expected: &Outcome) -> Vec<String> {
        let mut unexpected = Vec::new();
        for sql in statements {
            let outcome = self.sends(sql).await;
            if outcome != *expected {
                unexpected.push(format!("{sql}: {outcome:?}"));
            }
        }
        unexpected
    }
}

/// Fails with all unexpected outcomes.
fn assert_all_expected(unexpected: Vec<Vec<String>>) {
    let unexpected = unexpected.concat();
    assert!(unexpected.is_empty(), "{unexpected:#?}");
}
