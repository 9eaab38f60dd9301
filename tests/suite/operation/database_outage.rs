//! The database stops while the server runs, and starts again.

use std::path::PathBuf;
use std::time::Duration;

use rowkeep::development::Cluster;
use rowkeep::schema;
use serde_json::json;
use tokio::time::timeout;

use super::program::Directory;
use crate::world::{Answer, Person, SECRET, Server, end_with_this_process};

/// A migrated database in a PostgreSQL that only one test uses, so that the test can stop it.
pub struct StoppableDatabase {
    /// Handles of one cluster: each restart adds one.
    clusters: Vec<Cluster>,
    home: Directory,
}

impl StoppableDatabase {
    pub async fn start() -> Self {
        let home = Directory::new();
        end_with_this_process(&home.0.display().to_string());
        let cluster = start(home.0.clone()).await;
        let address = cluster.database().await.expect("a database");
        schema::migrate(&address, false).await.expect("a migrated database");
        Self { clusters: vec![cluster], home }
    }

    pub fn url(&self) -> String {
        format!("host={} user=postgres dbname=rowkeep", self.home.0.join("socket").display())
    }

    /// Stops PostgreSQL: `INT` is an orderly stop, `QUIT` is like a crash.
    pub async fn stops(&self, signal: &str) {
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

    pub async fn starts_again(&mut self) {
        self.clusters.push(start(self.home.0.clone()).await);
    }
}

/// A server on such a database.
struct Outage {
    server: Server,
    database: StoppableDatabase,
}

impl Outage {
    async fn prepared() -> Self {
        let database = StoppableDatabase::start().await;
        let url = database.url();
        let settings = [
            ("DATABASE_URL", url.as_str()),
            ("BETTER_AUTH_SECRET", SECRET),
            ("REQUEST_TIMEOUT", "4"),
            ("DATABASE_POOL_SIZE", "4"),
        ];
        let server = Server::start(&settings).await.expect("a server");
        Self { server, database }
    }

    fn user(&self, id: &str) -> Person {
        Person::new(self.server.address, id)
    }

    /// Sends requests until the answer has this status.
    async fn until_status(&self, status: u16, mut send: impl AsyncFnMut() -> Answer) -> Answer {
        let sending = async {
            loop {
                let answer = send().await;
                if answer.status() == status {
                    return answer;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        timeout(Duration::from_secs(60), sending).await.unwrap_or_else(|_| panic!("no {status} in a minute"))
    }
}

async fn start(home: PathBuf) -> Cluster {
    let cluster = tokio::task::spawn_blocking(move || Cluster::start(&home, "max_connections = 40\n"));
    cluster.await.expect("no panic").expect("PostgreSQL")
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn requests_get_503_while_the_database_is_down_and_are_answered_afterwards() {
    let mut outage = Outage::prepared().await;
    let alice = outage.user("alice");
    let task = alice.creates(json!({ "title": "one" })).await;

    outage.database.stops("INT").await;
    let reads = alice.get("/api/tasks").await;
    let writes = alice.post("/api/tasks", json!({ "title": "two" })).await;
    outage.database.starts_again().await;

    for answer in [reads, writes] {
        assert_eq!((answer.status(), answer.header("retry-after")), (503, "1"), "{answer:?}");
        assert!(!answer.detail().contains("socket"), "{answer:?}");
    }
    let answer = outage.until_status(200, async || alice.get("/api/tasks").await).await;
    assert_eq!(answer.json(), json!([task]));
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn health_is_503_while_the_database_is_down_and_200_afterwards() {
    let mut outage = Outage::prepared().await;
    let anonymous = Person::with_token(outage.server.address, None);

    outage.database.stops("INT").await;
    let away = anonymous.get("/health").await;
    outage.database.starts_again().await;

    assert_eq!((away.status(), &away.json()["status"]), (503, &json!("unhealthy")));
    let back = outage.until_status(200, async || anonymous.get("/health").await).await;
    assert_eq!(back.json(), json!({ "status": "healthy" }));
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn acknowledged_tasks_exist_after_the_database_crashed() {
    let mut outage = Outage::prepared().await;
    let alice = outage.user("alice");
    for number in 0..20 {
        alice.creates(json!({ "title": format!("task {number}") })).await;
    }
    let before = alice.get("/api/tasks").await.json();

    outage.database.stops("QUIT").await;
    outage.database.starts_again().await;

    let answer = outage.until_status(200, async || alice.get("/api/tasks").await).await;
    assert_eq!(answer.json(), before);
}
