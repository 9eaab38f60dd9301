//! Whether the questions about a table are safe with either of their two locks taken away. Every function gives what it
//! found wrong; none of it knows a table or a question by name.

mod binding;
mod findings;

use std::collections::BTreeMap;

use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error, Row};

use super::support::{begin_as, files, texts, without_comments};
use crate::world::Database;
use binding::{Literal, Raw, bindings, raw};

/// A file of a table's folder.
pub struct Question {
    pub name: String,
    pub sql: String,
}

impl Question {
    /// Creates rows, and so cannot bind whose they are; every other question says whose rows it wants.
    pub fn creates(&self) -> bool {
        without_comments(&self.sql).trim_start().starts_with("insert into")
    }
}

/// A table in which alice and bob have two rows each, and the questions about it.
pub struct Locks {
    pub table: String,
    pub questions: Vec<Question>,
    database: Database,
    admin: Client,
    login: Client,
    owners: BTreeMap<i64, String>,
}

/// The tables of schema app, by name.
pub async fn tables(client: &Client) -> Vec<String> {
    let tables = "select relname::text from pg_class
                   where relnamespace = 'app'::regnamespace and relkind in ('r', 'p') order by 1";
    texts(client, tables).await
}

/// The folder of a table's questions: the one that has its name.
pub fn folder(table: &str, roots: &[&str]) -> Option<String> {
    let mut folders = roots.iter().map(|root| format!("{root}/{table}"));
    folders.find(|folder| std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(folder).is_dir())
}

/// The tables about which there is no question: nothing would try their locks.
pub async fn unasked(client: &Client, roots: &[&str]) -> Vec<String> {
    let tables = tables(client).await.into_iter();
    tables.filter(|table| folder(table, roots).is_none()).map(|table| format!("app.{table}")).collect()
}

impl Locks {
    /// On `database`, which must be this one's alone. The rows are made by the question that creates; where a column is
    /// true or false each user has a row of either, so that questions for one of them find it.
    pub async fn of(database: Database, table: &str, folder: &str) -> Self {
        let questions = files(folder).into_iter().map(|(name, sql)| Question { name, sql }).collect();
        let (admin, login) = (database.superuser().await, database.client("rowkeep_login").await);
        let mut this =
            Self { table: table.into(), questions, database, admin, login, owners: BTreeMap::new() };

        let create =
            this.questions.iter().find(|question| question.creates()).expect("a question that creates");
        for user in ["alice", "alice", "bob", "bob"] {
            let binding = bindings(&this.admin, &create.sql, 0, &[]).await.swap_remove(0);
            begin_as(&this.login, user).await;
            ask(&this.login, create, None, &binding).await.expect("a row");
            this.login.batch_execute("commit").await.expect("a commit");
        }
        let differ = format!(
            "do $$ declare flag name; begin
                 for flag in select attname from pg_attribute
                              where attrelid = 'app.{table}'::regclass and atttypid = 'boolean'::regtype and attnum > 0
                 loop
                     execute format('update app.{table} t set %I = id = (select max(id) from app.{table} s
                                                                          where s.user_id = t.user_id)', flag);
                 end loop;
             end $$;
             create temp table kept as table app.{table}"
        );
        this.admin.batch_execute(&differ).await.expect("rows that differ");

        let rows = this.admin.query(&format!("select id, user_id from app.{table}"), &[]).await;
        this.owners = rows.expect("rows").iter().map(|row| (row.get(0), row.get(1))).collect();
        assert_eq!(this.owners.len(), 4, "{table}");
        this
    }

    /// Makes the database another one than the policies want: to find out whether that is noticed.
    pub async fn harmed(self, harm: &str) -> Self {
        self.admin.batch_execute(harm).await.unwrap_or_else(|error| panic!("{harm}: {error:?}"));
        self
    }

    fn about_existing_rows(&self) -> impl Iterator<Item = &Question> {
        self.questions.iter().filter(|question| !question.creates())
    }

    fn creating(&self) -> impl Iterator<Item = &Question> {
        self.questions.iter().filter(|question| question.creates())
    }

    fn ids(&self) -> Vec<i64> {
        self.owners.keys().copied().collect()
    }

    /// Whether a question that is asked like this can mean a row of `user`'s by its id.
    fn names_a_row_of(&self, user: &str, binding: &[Literal]) -> bool {
        self.ids_of(user).iter().any(|id| binding.contains(&Literal(Some(id.to_string()))))
    }

    fn ids_of(&self, user: &str) -> Vec<i64> {
        self.owners.iter().filter(|(_, owner)| *owner == user).map(|(id, _)| *id).collect()
    }

    async fn stored(&self, user: &str) -> Vec<String> {
        let table = &self.table;
        texts(&self.admin, &format!("select t::text from app.{table} t where user_id = '{user}' order by id"))
            .await
    }

    /// Whether alice's rows are no longer those that were kept. Whatever was changed is undone.
    async fn changed_alices(&self, before: &[String]) -> bool {
        let changed = self.stored("alice").await != before;
        let table = &self.table;
        let restore = format!(
            "set session_replication_role = replica;
             truncate app.{table};
             insert into app.{table} overriding system value table kept;
             reset session_replication_role"
        );
        if changed || self.stored("bob").await.len() != 2 {
            self.admin.batch_execute(&restore).await.expect("as it was");
        }
        changed
    }

    /// Whether an answer shows a row that is not `user`'s; none, when it does not say whose rows it shows.
    fn shows_others(&self, rows: &[Row], user: &str) -> Option<bool> {
        let mut others = false;
        for row in rows {
            others |= match (row.try_get::<_, String>("user_id"), row.try_get::<_, i64>("id")) {
                (Ok(owner), _) => owner != user,
                (Err(_), Ok(id)) => self.owners.get(&id).is_none_or(|owner| owner != user),
                (Err(_), Err(_)) => return None,
            };
        }
        Some(others)
    }

    /// Asks in a transaction of `user`'s, which is committed if it can be.
    async fn ask_as(
        &self,
        user: &str,
        question: &Question,
        bound: &str,
        binding: &[Literal],
    ) -> Result<Vec<Row>, Error> {
        begin_as(&self.login, user).await;
        let bound = (!question.creates()).then_some(bound);
        let rows = ask(&self.login, question, bound, binding).await;
        self.login.batch_execute("commit").await.expect("an end");
        rows
    }

    /// Bob's answer while nobody else has a row.
    async fn ask_as_the_only_user(&self, question: &Question, binding: &[Literal]) -> Option<Vec<Vec<Raw>>> {
        let alone = format!("begin; delete from app.{} where user_id <> 'bob'", self.table);
        self.admin.batch_execute(&alone).await.expect("nobody else");
        let rows = ask(&self.admin, question, Some("bob"), binding).await;
        self.admin.batch_execute("rollback").await.expect("an end");
        rows.ok().map(|rows| raw(&rows))
    }
}

async fn ask(
    client: &Client,
    question: &Question,
    user: Option<&str>,
    binding: &[Literal],
) -> Result<Vec<Row>, Error> {
    let user = user.map(|user| Literal(Some(user.to_owned())));
    let bound: Vec<&(dyn ToSql + Sync)> = user.iter().chain(binding).map(|value| value as _).collect();
    client.query(&question.sql, &bound).await
}
