//! Servers under load, which a Prometheus scrapes.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::future::join_all;
use http::Method;
use jsonwebtoken::Algorithm::EdDSA;
use serde_json::json;
use tokio::task::JoinSet;

use super::prometheus::Prometheus;
use crate::metrics::scrape::{ADMIN, Admin};
use crate::operation::database_outage::StoppableDatabase;
use crate::world::{Issuer, KeyPair, Person, SECRET, SHARED_USERS, Server};

/// Two servers on a database that the test can stop, an issuer whose keys they read, clients, and a Prometheus.
///
/// Its fields are dropped in their order: the clients end first.
pub struct Deployment {
    load: JoinSet<()>,
    pub prometheus: Prometheus,
    pub servers: Vec<Server>,
    pub database: StoppableDatabase,
    _issuer: Issuer,
}

impl Deployment {
    pub async fn under_load() -> Self {
        let database = StoppableDatabase::start().await;
        let issuer = Issuer::new(&[&KeyPair::new(EdDSA)]).await;
        let (url, issuer_url) = (database.url(), issuer.url());
        let settings = [
            ("DATABASE_URL", url.as_str()),
            ("BETTER_AUTH_SECRET", SECRET),
            ("BETTER_AUTH_URL", &issuer_url),
            SHARED_USERS,
            ("REQUEST_TIMEOUT", "4"),
            ("DATABASE_POOL_SIZE", "4"),
            ("RATE_LIMIT", "1000"),
            ADMIN,
        ];
        let servers = join_all((0..2).map(|_| Server::start(&settings))).await;
        let servers: Vec<_> = servers.into_iter().map(|server| server.expect("a server")).collect();

        let listeners = join_all(servers.iter().map(Admin::of)).await;
        let addresses: Vec<_> = listeners.iter().map(|listener| listener.address).collect();
        let prometheus = Prometheus::scraping(&addresses).await;
        let mut load = JoinSet::new();
        for server in &servers {
            load.spawn(sends_requests(server.address));
            load.spawn(sends_refused_requests(server.address));
        }
        for listener in listeners {
            load.spawn(looks(listener));
        }
        Self { load, prometheus, servers, database, _issuer: issuer }
    }

    /// Ends the clients and this server.
    pub async fn ends(&mut self, server: usize) {
        self.load.shutdown().await;
        drop(self.servers.remove(server));
    }
}

/// Uses every route as users do, without an end, and takes whatever answer comes.
async fn sends_requests(address: SocketAddr) {
    let alice = Person::new(address, "alice");
    for round in 0_u32.. {
        for contract in ["/api/tasks", "/api/alice/tasks", "/api/v1/tasks"] {
            let title = json!({ "title": format!("task {round}") });
            let created = alice.post(contract, title.clone()).await;
            let location = created.header("location").to_owned();
            let path = if location.is_empty() { format!("{contract}/1") } else { location };
            alice.get(contract).await;
            alice.get(&path).await;
            alice.put(&path, title.clone()).await;
            alice.patch(&path, json!({ "completed": true })).await;
            let flip = if contract == "/api/v1/tasks" { "toggle" } else { "complete" };
            alice.call(Method::PATCH, &format!("{path}/{flip}")).await;
            alice.delete(&path).await;
        }
        for query in ["sort=title", "status=pending&count=true", "q=task", "limit=5"] {
            alice.get(&format!("/api/v1/tasks?{query}")).await;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Requests that the server refuses without its database.
async fn sends_refused_requests(address: SocketAddr) {
    let (alice, anonymous) = (Person::new(address, "alice"), Person::with_token(address, None));
    loop {
        anonymous.get("/api/tasks").await;
        alice.get("/api/bob/tasks").await;
        alice.get("/nowhere").await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// What a balancer does: each look renews what the server knows of its protection.
async fn looks(listener: Admin) {
    loop {
        listener.get("/ready").await;
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}
