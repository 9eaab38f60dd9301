//! Read replicas for the servers of a whole run: every test that runs with this variable reads through them.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use rowkeep::development::Cluster;
use rowkeep::session::connect_once;
use tokio::sync::OnceCell;
use tokio_postgres::Client;

use super::cluster::make_standby;
use super::{Database, Server};

/// The file that the run writes the numbers of its reads on replicas to.
pub const VARIABLE: &str = "ROWKEEP_TEST_REPLICAS";

/// Both always lag. Most reads wait for the first one, which then has little more than they must see. Most reads do not wait long
/// enough for the second one, and go to the primary.
static REPLICAS: OnceCell<[Cluster; 2]> = OnceCell::const_new();

pub fn are_wanted() -> bool {
    std::env::var_os(VARIABLE).is_some()
}

/// The settings of their primary. A commit that is not flushed does not reach a standby.
pub(super) fn settings() -> &'static str {
    if are_wanted() { "synchronous_commit = on\n" } else { "" }
}

pub(super) async fn start(home: &Path, primary: &Cluster) {
    if !are_wanted() {
        return;
    }
    let home = |number| format!("{}-replica-{number}", home.display());
    let sockets = primary.socket_directory();
    let lagging = |delay| format!("{}recovery_min_apply_delay = {delay}\n", settings());
    let first = make_standby(home(1).as_ref(), sockets, &lagging("4ms")).await;
    let second = make_standby(home(2).as_ref(), sockets, &lagging("40ms")).await;
    let _ = REPLICAS.set([first, second]);
}

/// `DATABASE_REPLICA_URL` of a server on `database`; none: the run has no replicas.
pub(super) fn url(database: &Database) -> Option<String> {
    let [first, second] = REPLICAS.get()?;
    let url = |cluster: &Cluster| database.url_at(cluster.socket_directory(), "rowkeep_login");
    Some(format!("{};{}", url(first), url(second)))
}

/// Waits until a server reads from both replicas.
pub(super) async fn are_used(server: &Server) {
    for number in [1, 2] {
        server
            .logs(|event| event["message"] == "a read replica is used" && event["rowkeep.replica"] == number)
            .await;
    }
}

/// Waits until both replicas have what the primary has now. What a test changes past the server has no position.
pub(super) async fn have_followed(primary: &Client) {
    let Some(replicas) = REPLICAS.get() else { return };
    let position = "select pg_current_wal_flush_lsn()::text";
    let position: String = primary.query_one(position, &[]).await.expect("a position").get(0);
    for replica in replicas {
        let address = replica.address("postgres").expect("an address");
        let replica = connect_once(&address).await.expect("a connection");
        let has_it = format!("select pg_last_wal_replay_lsn() >= '{position}'::pg_lsn");
        let follows = async {
            while !replica.query_one(&has_it, &[]).await.expect("a position").get::<_, bool>(0) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), follows).await.expect("the replica follows");
    }
}

/// Takes down how often a server has read from replicas.
pub(super) fn count_reads(log: &[String]) {
    let Some(path) = std::env::var_os(VARIABLE) else { return };
    let reads = log.iter().filter(|line| {
        let event: serde_json::Value = serde_json::from_str(line).unwrap_or_default();
        event["message"] == "query" && event["rowkeep.replica"].is_u64()
    });
    let reads = reads.count();
    let mut file = std::fs::OpenOptions::new().append(true).create(true).open(path).expect("a file");
    writeln!(file, "{reads}").expect("a number");
}
