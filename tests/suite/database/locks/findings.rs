//! One function for each mistake that a query can have. It returns the names of the queries that have it.

use super::super::support::{state, texts, without_comments};
use super::binding::{Literal, bindings, raw};
use super::{Connection, Locks, Query};
use tokio_postgres::Row;

impl Locks {
    /// The queries without `user_id = $1`, and the creating queries that name a user.
    pub fn without_a_filter(&self) -> Vec<String> {
        let wrong = self.queries.iter().filter(|query| {
            let sql = without_comments(&query.sql);
            let columns = sql.split(['(', ')']).nth(1).unwrap_or_default();
            match query.creates() {
                // It could reach existing rows, or name a user.
                true => sql.contains("on conflict") || columns.contains("user_id"),
                false => !sql.contains("user_id = $1"),
            }
        });
        wrong.map(|query| query.name.clone()).collect()
    }

    /// The queries that return nothing to their own user, for any values. They would prove nothing about other users.
    pub async fn silent(&self) -> Vec<String> {
        let mut silent = Vec::new();
        'queries: for query in self.about_existing_rows() {
            for binding in bindings(&self.admin, &query.sql, 1, &self.ids_of("alice")).await {
                self.login.begin_as("alice").await;
                let rows = self.login.run(query, Some("alice"), &binding).await;
                self.login.batch_execute("rollback").await.expect("an end");
                let Ok(rows) = rows else { continue };
                let nothing = self.run_as("carol", query, "carol", &binding).await;
                if nothing.is_ok_and(|nothing| raw(&rows) != raw(&nothing)) {
                    continue 'queries;
                }
            }
            silent.push(query.name.clone());
        }
        silent
    }

    /// Runs every query as bob with alice's user id and ids. Returns those that the policy does not stop.
    pub async fn past_the_policy(&self) -> Vec<String> {
        let before = self.stored().await;
        let mut past = Vec::new();
        for query in self.about_existing_rows() {
            for binding in bindings(&self.admin, &query.sql, 1, &self.ids_of("alice")).await {
                let rows = self.run_as("bob", query, "alice", &binding).await;
                // A result without user_id must be the same as that of a user without rows.
                let nothing = self.run_as("carol", query, "carol", &binding).await;
                let seen = match (rows, nothing) {
                    (Ok(rows), Ok(nothing)) => raw(&rows) != raw(&nothing),
                    // A query that fails has found a row.
                    _ => true,
                };
                if self.changed_alices(&before).await || seen {
                    past.push(query.name.clone());
                    break;
                }
            }
        }
        past
    }

    /// Runs every query for bob without row security, as bob and as a superuser. Returns those that the filter does not
    /// restrict to bob's rows.
    pub async fn past_the_filter(&self) -> Vec<String> {
        let open = format!("alter table app.{} disable row level security", self.table);
        self.admin.batch_execute(&open).await.expect("no lock");
        let before = self.stored().await;

        let mut past = Vec::new();
        for query in self.about_existing_rows() {
            for binding in bindings(&self.admin, &query.sql, 1, &self.ids()).await {
                let restricted = self.run_as("bob", query, "bob", &binding).await;
                let unbound = self.admin.run(query, Some("bob"), &binding).await;
                let mut seen = false;
                for answer in [restricted, unbound] {
                    seen |= match answer {
                        Ok(rows) => self.tells_of_others(query, &binding, &rows).await,
                        // A constraint of bob's own row may refuse a value. Any other failure comes from another row.
                        Err(_) => !self.names_a_row_of("bob", &binding),
                    };
                }
                if self.changed_alices(&before).await || seen {
                    past.push(query.name.clone());
                    break;
                }
            }
        }
        let close = format!("alter table app.{} enable row level security", self.table);
        self.admin.batch_execute(&close).await.expect("as it was");
        past
    }

    /// Runs every query as a pipeline does if its BEGIN has failed: without a transaction and an identity, as a login with
    /// BYPASSRLS. Returns those that reach other rows than those of the bound user.
    pub async fn past_the_transaction(&self) -> Vec<String> {
        let login = format!("bypass_{}_{}", self.table, self.database.name);
        let make = format!("create role {login} login bypassrls; grant rowkeep_api to {login}");
        self.admin.batch_execute(&make).await.expect("a login");
        let client = Connection::new(self.database.client(&login).await);
        let before = self.stored().await;
        let all = texts(&client, &format!("select user_id from app.{}", self.table)).await;
        assert_eq!(all.len(), 4, "the login is bound by policies: this proves nothing");

        let mut past = Vec::new();
        for query in self.about_existing_rows() {
            for binding in bindings(&self.admin, &query.sql, 1, &self.ids_of("alice")).await {
                let seen = match client.run(query, Some("bob"), &binding).await {
                    Ok(rows) => self.tells_of_others(query, &binding, &rows).await,
                    Err(_) => true,
                };
                if self.changed_alices(&before).await || seen {
                    past.push(query.name.clone());
                    break;
                }
            }
        }
        past
    }

    /// Whether a result for bob contains a row of another user, or depends on the rows of other users.
    async fn tells_of_others(&self, query: &Query, binding: &[Literal], rows: &[Row]) -> bool {
        match self.shows_others(rows, "bob") {
            Some(others) => others,
            None => Some(raw(rows)) != self.run_as_the_only_user(query, binding).await,
        }
    }

    /// The mistakes of the queries that create.
    pub async fn wrongly_created(&self) -> Vec<String> {
        let table = &self.table;
        let mut wrong = Vec::new();
        for query in self.creating() {
            let name = &query.name;
            let binding = bindings(&self.admin, &query.sql, 0, &[]).await.swap_remove(0);

            // not_null_violation: without an identity the default of user_id is null. Citus: null_value_not_allowed, because it
            // must know the user to find the node.
            let refused = ["23502", "22004"].contains(&&*state(self.admin.run(query, None, &binding).await));
            if !refused {
                wrong.push(format!("{name} creates a row outside any transaction"));
            }
            for lock in ["enable", "disable"] {
                let set = format!("alter table app.{table} {lock} row level security");
                self.admin.batch_execute(&set).await.expect("a lock");
                let rows = self.run_as("bob", query, "", &binding).await;
                let owners =
                    rows.map(|rows| rows.iter().map(|row| row.get("user_id")).collect::<Vec<String>>());
                if owners.ok() != Some(vec!["bob".into()]) {
                    wrong.push(format!("{name} creates no row of bob's with row security {lock}d"));
                }
            }
            let enable = format!("alter table app.{table} enable row level security");
            self.admin.batch_execute(&enable).await.expect("a lock");
            // Citus takes no other default of the column by which it distributes.
            if std::env::var_os("ON_CITUS").is_some() {
                continue;
            }
            let set = format!("alter table app.{table} alter column user_id set default 'alice'");
            self.admin.batch_execute(&set).await.expect("a wrong default");
            let before = self.stored().await;
            let refused = state(self.run_as("bob", query, "", &binding).await) == "42501";
            if self.changed_alices(&before).await || !refused {
                wrong.push(format!("{name} takes a wrong default for the user"));
            }
            let reset =
                format!("alter table app.{table} alter column user_id set default app.current_user_id()");
            self.admin.batch_execute(&reset).await.expect("as it was");
        }

        let open = format!("alter table app.{table} disable row level security");
        self.admin.batch_execute(&open).await.expect("no lock");
        for user in ["alice", "bob"] {
            self.login.begin_as("bob").await;
            let insert = format!("insert into app.{table} (user_id) values ('{user}')");
            let outcome = state(self.login.batch_execute(&insert).await);
            self.login.batch_execute("rollback").await.expect("an end");
            // Citus names every column in the statement for a shard, so that there the policy alone checks the user.
            if outcome != "42501" && std::env::var_os("ON_CITUS").is_none() {
                wrong.push(format!("a user can be named in app.{table}"));
            }
        }
        wrong.dedup();
        wrong
    }
}
