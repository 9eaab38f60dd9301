//! A connection that prepares each statement once: these tests run the same few thousands of times.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::Mutex;

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
        let known = self.prepared.lock().expect("no poison").get(sql).cloned();
        let statement = match known {
            Some(statement) => statement,
            None => {
                let statement = self.client.prepare(sql).await?;
                self.prepared.lock().expect("no poison").insert(sql.to_owned(), statement.clone());
                statement
            }
        };
        self.client.query(&statement, bound).await
    }

    /// Begins a transaction with the identity `user`, in one round trip.
    pub async fn begin_as(&self, user: &str) {
        let begin = format!("begin; select app.identify('{user}')");
        self.client.batch_execute(&begin).await.expect("an identity");
    }
}

impl Deref for Connection {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}
