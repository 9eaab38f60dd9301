//! The database goes away while the server runs, and comes back.

use std::path::PathBuf;
use std::time::Duration;

use rowkeep::development::Cluster;
use rowkeep::schema;
use serde_json::json;
use tokio::time::timeout;

use super::program::Directory;
use crate::world::{Answer, Person, SECRET, Server, end_with_this_process};

/// A PostgreSQL that only one test uses, so that it can be stopped; and a server on it.
struct Outage {
    server: Server,
    /// The second is the first, started again.
    clusters: Vec<Cluster>,
    home: Directory,
}

impl Outage {
    async fn prepared() -> Self {
        let home = Directory::new();
        end_with_this_process(&home.0.display().to_string());
        let cluster = start(home.0.clone()).await;
        let address = cluster.database().await.expect("a database");
        schema::migrate(&address, false).await.expect("a migrated database");
        let url = format!("host={} user=postgres dbname=rowkeep", cluster.socket_directory().display());
        let settings = [
            ("DATABASE_URL", url.as_str()),
            ("BETTER_AUTH_SECRET", SECRET),
            ("REQUEST_TIMEOUT", "4"),
            ("DATABASE_POOL_SIZE", "4"),
        ];
        let server = Server::start(&settings).await.expect("a server");
        Self { server, clusters: vec![cluster], home }
    }

    fn user(&self, id: &str) -> Person {
        Person::new(self.server.address, id)
    }

    /// Ends PostgreSQL: `INT` in order, `QUIT` as a crash would.
    async fn ends(&self, signal: &str) {
        let file = self.home.0.join("data/postmaster.pid");
        let pid = std::fs::read_to_string(&file).expect("it runs");
        let pid = pid.lines().next().expect("a pid").to_owned();
        let status = std::process::Command::new("kill").arg(format!("-{signal}")).arg(&pid).status();
        assert!(status.expect("kill").success());
        let ended = async {
            while file.exists() || std::path::Path::new("/proc").join(&pid).exists() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(Duration::from_secs(60), ended).await.expect("PostgreSQL ends");
    }

    async fn is_back(&mut self) {
        self.clusters.push(start(self.home.0.clone()).await);
    }

    /// Asks until the answer has this status.
    async fn becomes(&self, status: u16, mut ask: impl AsyncFnMut() -> Answer) -> Answer {
        let asking = async {
            loop {
                let answer = ask().await;
                if answer.status() == status {
                    return answer;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        timeout(Duration::from_secs(60), asking).await.unwrap_or_else(|_| panic!("no {status} in a minute"))
    }
}

async fn start(home: PathBuf) -> Cluster {
    let cluster = tokio::task::spawn_blocking(move || Cluster::start(&home, "max_connections = 40\n"));
    cluster.await.expect("no panic").expect("PostgreSQL")
}

#[tokio::test]
async fn requests_are_503_while_the_database_is_away_and_answered_when_it_is_back() {
    let mut outage = Outage::prepared().await;
    let alice = outage.user("alice");
    let task = alice.creates(json!({ "title": "one" })).await;

    outage.ends("INT").await;
    let reads = alice.get("/api/tasks").await;
    let writes = alice.post("/api/tasks", json!({ "title": "two" })).await;
    outage.is_back().await;

    for answer in [reads, writes] {
        assert_eq!((answer.status(), answer.header("retry-after")), (503, "1"), "{answer:?}");
        assert!(!answer.detail().contains("socket"), "{answer:?}");
    }
    let answer = outage.becomes(200, async || alice.get("/api/tasks").await).await;
    assert_eq!(answer.json(), json!([task]));
}

#[tokio::test]
async fn health_is_503_while_the_database_is_away_and_200_when_it_is_back() {
    let mut outage = Outage::prepared().await;
    let stranger = Person::with_token(outage.server.address, None);

    outage.ends("INT").await;
    let away = stranger.get("/health").await;
    outage.is_back().await;

    assert_eq!((away.status(), &away.json()["status"]), (503, &json!("unhealthy")));
    let back = outage.becomes(200, async || stranger.get("/health").await).await;
    assert_eq!(back.json(), json!({ "status": "healthy" }));
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_the_database_crashed() {
    let mut outage = Outage::prepared().await;
    let alice = outage.user("alice");
    for number in 0..20 {
        alice.creates(json!({ "title": format!("task {number}") })).await;
    }
    let before = alice.get("/api/tasks").await.json();

    outage.ends("QUIT").await;
    outage.is_back().await;

    let answer = outage.becomes(200, async || alice.get("/api/tasks").await).await;
    assert_eq!(answer.json(), before);
}
