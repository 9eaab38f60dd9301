//! What can be wrong with the questions about a table: one function for each way, which names those it is wrong with.

use super::super::support::{begin_as, state, texts, without_comments};
use super::binding::{Literal, bindings, raw};
use super::{Locks, Question, ask};
use tokio_postgres::Row;

impl Locks {
    /// The questions that do not say whose rows they want, and those that create and say whose.
    pub fn without_a_filter(&self) -> Vec<String> {
        let wrong = self.questions.iter().filter(|question| {
            let sql = without_comments(&question.sql);
            let columns = sql.split(['(', ')']).nth(1).unwrap_or_default();
            match question.creates() {
                // It could reach existing rows, or name a user.
                true => sql.contains("on conflict") || columns.contains("user_id"),
                false => !sql.contains("user_id = $1"),
            }
        });
        wrong.map(|question| question.name.clone()).collect()
    }

    /// The questions that tell their own user nothing, however they are asked: they prove nothing about others.
    pub async fn silent(&self) -> Vec<String> {
        let mut silent = Vec::new();
        'questions: for question in self.about_existing_rows() {
            for binding in bindings(&self.admin, &question.sql, 1, &self.ids_of("alice")).await {
                begin_as(&self.login, "alice").await;
                let rows = ask(&self.login, question, Some("alice"), &binding).await;
                self.login.batch_execute("rollback").await.expect("an end");
                let Ok(rows) = rows else { continue };
                let nothing = self.ask_as("carol", question, "carol", &binding).await;
                if nothing.is_ok_and(|nothing| raw(&rows) != raw(&nothing)) {
                    continue 'questions;
                }
            }
            silent.push(question.name.clone());
        }
        silent
    }

    /// With the filter open, every question asked as bob with alice's ids: those that the policy does not stop.
    pub async fn past_the_policy(&self) -> Vec<String> {
        let before = self.stored("alice").await;
        let mut past = Vec::new();
        for question in self.about_existing_rows() {
            for binding in bindings(&self.admin, &question.sql, 1, &self.ids_of("alice")).await {
                let rows = self.ask_as("bob", question, "alice", &binding).await;
                // An answer that names nobody must be the one that somebody without rows gets.
                let nothing = self.ask_as("carol", question, "carol", &binding).await;
                let seen = match (rows, nothing) {
                    (Ok(rows), Ok(nothing)) => raw(&rows) != raw(&nothing),
                    // What fails has met a row.
                    _ => true,
                };
                if self.changed_alices(&before).await || seen {
                    past.push(question.name.clone());
                    break;
                }
            }
        }
        past
    }

    /// With row security off, every question asked as bob, and again as somebody without any identity or bounds: those
    /// that the filter does not keep from other rows than bob's.
    pub async fn past_the_filter(&self) -> Vec<String> {
        let open = format!("alter table app.{} disable row level security", self.table);
        self.admin.batch_execute(&open).await.expect("no lock");
        let before = self.stored("alice").await;

        let mut past = Vec::new();
        for question in self.about_existing_rows() {
            for binding in bindings(&self.admin, &question.sql, 1, &self.ids()).await {
                let restricted = self.ask_as("bob", question, "bob", &binding).await;
                let unbound = ask(&self.admin, question, Some("bob"), &binding).await;
                let mut seen = false;
                for answer in [restricted, unbound] {
                    seen |= match answer {
                        Ok(rows) => self.tells_of_others(question, &binding, &rows).await,
                        // Bob's own row may turn a value down; what fails for no row of his has met another's.
                        Err(_) => !self.names_a_row_of("bob", &binding),
                    };
                }
                if self.changed_alices(&before).await || seen {
                    past.push(question.name.clone());
                    break;
                }
            }
        }
        let close = format!("alter table app.{} enable row level security", self.table);
        self.admin.batch_execute(&close).await.expect("as it was");
        past
    }

    /// What a pipelined question meets when its BEGIN has failed: no transaction, no identity, and the rights of a
    /// login that no policy binds. Those that reach other rows than the bound user's.
    pub async fn past_the_transaction(&self) -> Vec<String> {
        let login = format!("bypass_{}_{}", self.table, self.database.name);
        let make = format!("create role {login} login bypassrls; grant rowkeep_api to {login}");
        self.admin.batch_execute(&make).await.expect("a login");
        let client = self.database.client(&login).await;
        let before = self.stored("alice").await;
        let all = texts(&client, &format!("select user_id from app.{}", self.table)).await;
        assert_eq!(all.len(), 4, "the login is bound by policies: this proves nothing");

        let mut past = Vec::new();
        for question in self.about_existing_rows() {
            for binding in bindings(&self.admin, &question.sql, 1, &self.ids_of("alice")).await {
                let seen = match ask(&client, question, Some("bob"), &binding).await {
                    Ok(rows) => self.tells_of_others(question, &binding, &rows).await,
                    Err(_) => true,
                };
                if self.changed_alices(&before).await || seen {
                    past.push(question.name.clone());
                    break;
                }
            }
        }
        past
    }

    /// Whether an answer for bob shows somebody else's row, or is another one than there is without others.
    async fn tells_of_others(&self, question: &Question, binding: &[Literal], rows: &[Row]) -> bool {
        match self.shows_others(rows, "bob") {
            Some(others) => others,
            None => Some(raw(rows)) != self.ask_as_the_only_user(question, binding).await,
        }
    }

    /// What is wrong with the questions that create, each with the promise that it breaks.
    pub async fn wrongly_created(&self) -> Vec<String> {
        let table = &self.table;
        let mut wrong = Vec::new();
        for question in self.creating() {
            let name = &question.name;
            let binding = bindings(&self.admin, &question.sql, 0, &[]).await.swap_remove(0);

            // not_null_violation: nobody's id is null, and there is no column to name another.
            if state(ask(&self.admin, question, None, &binding).await) != "23502" {
                wrong.push(format!("{name} creates a row outside any transaction"));
            }
            for lock in ["enable", "disable"] {
                let set = format!("alter table app.{table} {lock} row level security");
                self.admin.batch_execute(&set).await.expect("a lock");
                let rows = self.ask_as("bob", question, "", &binding).await;
                let owners =
                    rows.map(|rows| rows.iter().map(|row| row.get("user_id")).collect::<Vec<String>>());
                if owners.ok() != Some(vec!["bob".into()]) {
                    wrong.push(format!("{name} creates no row of bob's with row security {lock}d"));
                }
            }
            let set = format!(
                "alter table app.{table} enable row level security;
                 alter table app.{table} alter column user_id set default 'alice'"
            );
            self.admin.batch_execute(&set).await.expect("a wrong default");
            let before = self.stored("alice").await;
            let refused = state(self.ask_as("bob", question, "", &binding).await) == "42501";
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
            begin_as(&self.login, "bob").await;
            let insert = format!("insert into app.{table} (user_id) values ('{user}')");
            let outcome = state(self.login.batch_execute(&insert).await);
            self.login.batch_execute("rollback").await.expect("an end");
            if outcome != "42501" {
                wrong.push(format!("a user can be named in app.{table}"));
            }
        }
        wrong.dedup();
        wrong
    }
}
