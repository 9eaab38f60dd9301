//! Two locks protect the rows of a user: the policy, and the filter `user_id = $1` of each query. These functions take one
//! lock away and return the queries that are then unsafe. They know no table and no query by name.

mod binding;
mod connection;
mod findings;

use std::collections::BTreeMap;

use tokio_postgres::{Client, Error, Row};

use super::support::{files, texts, without_comments};
use crate::world::Database;
pub use binding::Literal;
use binding::{Raw, bindings, raw};
use connection::{Connection, begin_as};

/// A query file of a table.
pub struct Query {
    pub name: String,
    pub sql: String,
}

impl Query {
    /// It creates rows. Every other query binds the user whose rows it reads or changes.
    pub fn creates(&self) -> bool {
        without_comments(&self.sql).trim_start().starts_with("insert into")
    }
}

/// A table in which alice and bob have two rows each, and the queries about it.
pub struct Locks {
    pub table: String,
    pub queries: Vec<Query>,
    database: Database,
    admin: Connection,
    login: Connection,
    owners: BTreeMap<i64, String>,
}

/// Runs a script one statement a message, as Citus wants it.
async fn one_by_one(connection: &Connection, script: &str) {
    for statement in rowkeep::schema::statements(script) {
        connection.batch_execute(statement).await.expect(statement);
    }
}

/// The tables of schema app, by name.
pub async fn tables(client: &Client) -> Vec<String> {
    let tables = "select relname::text from pg_class
                   where relnamespace = 'app'::regnamespace and relkind in ('r', 'p') order by 1";
    texts(client, tables).await
}

/// The folder with a table's queries, which has the name of the table.
pub fn folder(table: &str, roots: &[&str]) -> Option<String> {
    let mut folders = roots.iter().map(|root| format!("{root}/{table}"));
    folders.find(|folder| std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(folder).is_dir())
}

/// The tables without queries, whose locks would remain untested.
pub async fn without_queries(client: &Client, roots: &[&str]) -> Vec<String> {
    let tables = tables(client).await.into_iter();
    tables.filter(|table| folder(table, roots).is_none()).map(|table| format!("app.{table}")).collect()
}

impl Locks {
    /// The rows are made in `database`, which no other test may use, by the query that creates. For a boolean column each
    /// user has one row with each value, so that queries with a filter on it find a row.
    pub async fn of(database: Database, table: &str, folder: &str) -> Self {
        let queries = files(folder).into_iter().map(|(name, sql)| Query { name, sql }).collect();
        let admin = Connection::new(database.superuser().await);
        let login = Connection::new(database.client("rowkeep_login").await);
        let mut this = Self { table: table.into(), queries, database, admin, login, owners: BTreeMap::new() };

        let create = this.queries.iter().find(|query| query.creates()).expect("a query that creates");
        for user in ["alice", "alice", "bob", "bob"] {
            let binding = bindings(&this.admin, &create.sql, 0, &[]).await.swap_remove(0);
            this.login.begin_as(user).await;
            this.login.run(create, None, &binding).await.expect("a row");
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

    /// Damages the database, to show that a test notices it.
    pub async fn damaged(self, damage: &str) -> Self {
        self.admin.batch_execute(damage).await.unwrap_or_else(|error| panic!("{damage}: {error:?}"));
        self
    }

    fn about_existing_rows(&self) -> impl Iterator<Item = &Query> {
        self.queries.iter().filter(|query| !query.creates())
    }

    fn creating(&self) -> impl Iterator<Item = &Query> {
        self.queries.iter().filter(|query| query.creates())
    }

    fn ids(&self) -> Vec<i64> {
        self.owners.keys().copied().collect()
    }

    /// Whether these values contain the id of a row of `user`.
    fn names_a_row_of(&self, user: &str, binding: &[Literal]) -> bool {
        self.ids_of(user).iter().any(|id| binding.contains(&Literal(Some(id.to_string()))))
    }

    fn ids_of(&self, user: &str) -> Vec<i64> {
        self.owners.iter().filter(|(_, owner)| *owner == user).map(|(id, _)| *id).collect()
    }

    /// The rows of alice, and how many bob has.
    async fn stored(&self) -> (Vec<String>, i64) {
        let table = &self.table;
        let stored = format!(
            "select array(select t::text from app.{table} t where user_id = 'alice' order by id),
                    (select count(*) from app.{table} where user_id = 'bob')"
        );
        let row = self.admin.query(&stored, &[]).await.expect("rows").swap_remove(0);
        (row.get(0), row.get(1))
    }

    /// Whether alice's rows differ from those before. Undoes every change.
    async fn changed_alices(&self, before: &(Vec<String>, i64)) -> bool {
        let (alices, bobs) = self.stored().await;
        let changed = alices != before.0;
        let table = &self.table;
        let restore = format!(
            "begin;
             set local session_replication_role = replica;
             delete from app.{table};
             insert into app.{table} overriding system value table kept;
             commit"
        );
        if changed || bobs != before.1 {
            one_by_one(&self.admin, &restore).await;
        }
        changed
    }

    /// Whether a result contains a row of another user. None if the result has neither user_id nor id.
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

    /// Runs a query in a transaction of `user`, and commits it.
    async fn run_as(
        &self,
        user: &str,
        query: &Query,
        bound: &str,
        binding: &[Literal],
    ) -> Result<Vec<Row>, Error> {
        let bound = (!query.creates()).then_some(bound);
        self.login.run_between(&begin_as(user), query, bound, binding, "commit").await
    }

    /// Bob's result when no other user has a row.
    async fn run_as_the_only_user(&self, query: &Query, binding: &[Literal]) -> Option<Vec<Vec<Raw>>> {
        let alone = format!("begin; delete from app.{} where user_id <> 'bob'", self.table);
        let rows = self.admin.run_between(&alone, query, Some("bob"), binding, "rollback").await;
        rows.ok().map(|rows| raw(&rows))
    }
}
