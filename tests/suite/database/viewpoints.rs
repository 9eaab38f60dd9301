//! What everybody who can reach the database sees of it and can do to it, to the last row and the last privilege.
//!
//! Each viewpoint meets the same statements ([`ways`]). The superuser's scene shows that every one of them reaches all
//! rows where nothing holds it back; whoever reaches fewer is held back by what these tests are about.

mod auditor;
mod changing;
mod channels;
mod forbidden;
mod identity;
mod keys;
mod nobody;
mod owner;
mod refusals;
mod rights;
mod strangers;
mod superuser;
mod user;
mod ways;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use futures_util::{StreamExt, TryStreamExt};
use tokio_postgres::{AsyncMessage, Client, Error, NoTls, SimpleQueryMessage};

use super::support::{begin_as, creates};
use crate::world::Database;

/// The titles of all tasks, numbered by their ids from 1. They occur nowhere else, so that whatever shows one of them
/// is noticed: a column, a line of a copy, a notice, the words of an error.
const TASKS: [&str; 4] = ["alice-1", "alice-2", "bob-1", "bob-2"];
const ALICES: &[&str] = &["alice-1", "alice-2"];
const BOBS: &[&str] = &["bob-1", "bob-2"];
const NONE: &[&str] = &[];

/// What came of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Outcome {
    /// Its SQLSTATE.
    state: String,
    /// The tasks whose titles were anywhere in what came back.
    seen: Vec<String>,
    /// The tasks that were changed or deleted for good; of new ones, whose they are.
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

/// A database with two tasks each of alice and bob, which is as it was after every statement.
struct Stage {
    admin: Client,
    database: Database,
}

impl Stage {
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

    /// Somebody who connects as `login` and sends `opening` before every statement.
    async fn seat(&self, login: &str, opening: &str) -> Seat<'_> {
        let address = self.database.address(login);
        let (client, mut connection) = address.config().connect(NoTls).await.expect("a connection");
        let heard = Arc::new(Mutex::new(String::new()));
        let hears = heard.clone();
        tokio::spawn(async move {
            let mut messages = futures_util::stream::poll_fn(move |context| connection.poll_message(context));
            while let Some(Ok(message)) = messages.next().await {
                if let AsyncMessage::Notice(notice) = message {
                    hears.lock().expect("no poison").push_str(&format!("{notice:?}"));
                }
            }
        });
        Seat { stage: self, client, heard, opening: opening.into() }
    }

    /// `user`, as the server lets them in: through the recommended login, identified.
    async fn user(&self, user: &str) -> Seat<'_> {
        self.seat("rowkeep_login", &format!("begin; select app.identify('{user}')")).await
    }

    /// The ways of reading that make XML; none, where the server was built without it.
    async fn xml_reads(&self) -> &'static [&'static str] {
        // feature_not_supported
        if self.admin.simple_query("select xmlelement(name x)").await.is_ok() { ways::XML_READS } else { &[] }
    }

    /// The ways of changing that this server is new enough for.
    async fn newer_changes_shown(&self) -> Vec<&'static str> {
        let version = "select current_setting('server_version_num')::int";
        let version: i32 = self.admin.query_one(version, &[]).await.expect("a version").get(0);
        let newer = changing::NEWER_CHANGES_SHOWN.iter();
        newer.filter(|(since, _)| version >= *since).map(|(_, sql)| *sql).collect()
    }

    /// A login of this test alone, with these attributes, and what else `more` gives it: `{}` there is its name.
    async fn login(&self, kind: &str, more: &str) -> String {
        let name = format!("{kind}_{}", self.database.name);
        let make = format!("create role {name} login; {}", more.replace("{}", &name));
        self.admin.batch_execute(&make).await.expect("a login");
        name
    }

    /// Every task's whole row by its id.
    async fn stored(&self) -> BTreeMap<i64, (String, String)> {
        let rows = self.admin.query("select id, user_id, t::text from app.tasks t", &[]).await.expect("rows");
        rows.iter().map(|row| (row.get(0), (row.get(1), row.get(2)))).collect()
    }

    /// What is not as it was, which is undone.
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

/// Somebody with psql.
struct Seat<'a> {
    stage: &'a Stage,
    client: Client,
    /// Every notice that came.
    heard: Arc<Mutex<String>>,
    opening: String,
}

impl Seat<'_> {
    /// What comes of `sql`. It is committed if it can be, and nothing of it stays in the session.
    async fn sends(&self, sql: &str) -> Outcome {
        let before = self.stage.stored().await;
        self.heard.lock().expect("no poison").clear();

        self.client.batch_execute(&self.opening).await.expect("an opening");
        let (mut said, state) = match self.said(sql).await {
            (said, None) => (said, "00000".to_owned()),
            (said, Some(error)) => {
                let told = error.as_db_error().unwrap_or_else(|| panic!("{sql}: {error:?}"));
                (said + &format!("{told:?}"), told.code().code().to_owned())
            }
        };
        self.client.batch_execute("commit").await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        self.client.batch_execute("discard all").await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));

        said.push_str(&self.heard.lock().expect("no poison"));
        let seen =
            TASKS.iter().filter(|title| said.contains(**title)).map(|&title| title.to_owned()).collect();
        Outcome { state, seen, changed: self.stage.changed(&before).await }
    }

    /// All that comes back for `sql`, and how it fails, if it does.
    async fn said(&self, sql: &str) -> (String, Option<Error>) {
        if sql.starts_with("copy") && sql.contains("to stdout") {
            return match self.copied(sql).await {
                Ok(lines) => (lines, None),
                Err(error) => (String::new(), Some(error)),
            };
        }
        let mut said = String::new();
        let mut messages = match self.client.simple_query_raw(sql).await {
            Ok(messages) => Box::pin(messages),
            Err(error) => return (said, Some(error)),
        };
        while let Some(message) = messages.next().await {
            match message {
                Ok(SimpleQueryMessage::Row(row)) => {
                    said.extend((0..row.len()).flat_map(|column| [row.get(column).unwrap_or(""), "\n"]));
                }
                Ok(_) => {}
                Err(error) => return (said, Some(error)),
            }
        }
        (said, None)
    }

    async fn copied(&self, sql: &str) -> Result<String, Error> {
        let lines = self.client.copy_out(sql).await?;
        let lines: Vec<bytes::Bytes> = lines.try_collect().await?;
        Ok(String::from_utf8_lossy(&lines.concat()).into_owned())
    }

    /// The statements that end otherwise than expected, each with what came of it.
    async fn surprises(&self, statements: &[&str], expected: &Outcome) -> Vec<String> {
        let mut surprises = Vec::new();
        for sql in statements {
            let outcome = self.sends(sql).await;
            if outcome != *expected {
                surprises.push(format!("{sql}: {outcome:?}"));
            }
        }
        surprises
    }
}

/// Fails with everything that was not as expected.
fn as_expected(surprises: Vec<Vec<String>>) {
    let surprises = surprises.concat();
    assert!(surprises.is_empty(), "{surprises:#?}");
}
