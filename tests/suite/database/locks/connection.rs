//! A connection that prepares each statement once: these tests run the same few thousands of times.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::Mutex;

use futures_util::future::join3;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error, Row, Statement};

use super::Query;
use super::binding::Literal;

pub struct Connection {
    client: Client,
    prepared: Mutex<HashMap<String, Statement>>,
}

impl Connection {
    pub fn new(client: Client) -> Self {
        Self { client, prepared: Mutex::default() }
    }

    /// Runs a query with `user` bound to its first parameter and `binding` to the others.
    pub async fn run(
        &self,
        query: &Query,
        user: Option<&str>,
        binding: &[Literal],
    ) -> Result<Vec<Row>, Error> {
        let user = user.map(|user| Literal(Some(user.to_owned())));
        let bound: Vec<&(dyn ToSql + Sync)> = user.iter().chain(binding).map(|value| value as _).collect();
        self.query(&query.sql, &bound).await
    }

    pub async fn query(&self, sql: &str, bound: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, Error> {
        let statement = self.statement(sql).await?;
        self.client.query(&statement, bound).await
    }

    /// The prepared statement of this text.
    async fn statement(&self, sql: &str) -> Result<Statement, Error> {
        let known = self.prepared.lock().expect("no poison").get(sql).cloned();
        if let Some(statement) = known {
            return Ok(statement);
        }
        let statement = self.client.prepare(sql).await?;
        self.prepared.lock().expect("no poison").insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }

    /// Runs a query between two others, in one round trip: a test waits for thousands of them.
    pub async fn run_between(
        &self,
        begin: &str,
        query: &Query,
        user: Option<&str>,
        binding: &[Literal],
        end: &str,
    ) -> Result<Vec<Row>, Error> {
        self.statement(&query.sql).await?;
        let (begun, rows, ended) = join3(
            self.client.batch_execute(begin),
            self.run(query, user, binding),
            self.client.batch_execute(end),
        )
        .await;
        begun.expect("a transaction");
        ended.expect("an end");
        rows
    }

    /// Begins a transaction with the identity `user`, in one round trip.
    pub async fn begin_as(&self, user: &str) {
        self.client.batch_execute(&begin_as(user)).await.expect("an identity");
    }
}

/// Begins a transaction with the identity `user`.
pub fn begin_as(user: &str) -> String {
    format!("begin; select app.identify('{user}')")
}

impl Deref for Connection {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}
