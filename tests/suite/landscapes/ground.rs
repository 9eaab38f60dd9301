//! A cluster in which each way to the rows of others is tried for real.

use rowkeep::development::Programs;
use rowkeep::session::connect_once;
use tokio::sync::OnceCell;
use tokio_postgres::Client;

use super::{in_one_line, is_named};
use crate::world::OwnCluster;

/// The title of a task of alice, which nobody else may see.
pub const SECRET: &str = "the secret of alice";

/// What the ways need: changes for logical replication, an archive, and statistics of statements.
const SETTINGS: &str = "wal_level = logical\narchive_mode = on\nshared_preload_libraries = 'pg_stat_statements'\n\
                        pg_stat_statements.track = all\n";

pub struct Ground {
    pub cluster: OwnCluster,
    /// The file of app.tasks, below the data directory.
    pub file: String,
}

/// The cluster, with alice's tasks in it. All tests share it, so each makes roles of its own.
pub async fn ground() -> &'static Ground {
    static GROUND: OnceCell<&Ground> = OnceCell::const_new();
    GROUND.get_or_init(async || &*Box::leak(Box::new(Ground::start().await))).await
}

impl Ground {
    async fn start() -> Self {
        let major = Programs::find(None).expect("PostgreSQL's programs").major;
        let cluster = OwnCluster::with(major, SETTINGS).await;
        cluster.migrate().await;
        let admin = cluster.superuser("postgres").await;
        // So often that it is among the most common values.
        let fill = format!(
            "begin; select app.identify('alice');
             insert into app.tasks (title) select '{SECRET}' from generate_series(1, 50); commit;
             create extension pg_stat_statements; create extension dblink; create extension citext"
        );
        admin.batch_execute(&fill).await.expect("tasks");
        admin.batch_execute("vacuum (analyze) app.tasks").await.expect("statistics");
        admin.batch_execute("checkpoint").await.expect("a checkpoint");
        let file =
            admin.query_one("select pg_relation_filepath('app.tasks')", &[]).await.expect("a file").get(0);
        Self { cluster, file }
    }

    pub async fn superuser(&self) -> Client {
        self.cluster.superuser("postgres").await
    }

    /// Runs statements as the superuser.
    pub async fn prepare(&self, statements: &str) {
        let admin = self.superuser().await;
        admin.batch_execute(statements).await.unwrap_or_else(|error| panic!("{statements}: {error:?}"));
    }

    /// A connection of this login.
    pub async fn login(&self, name: &str) -> Client {
        connect_once(&self.cluster.address(name, "postgres")).await.expect("a connection")
    }

    /// What `psql -f sql/audit.sql` prints for the superuser, in one line.
    pub async fn audit(&self) -> String {
        let script = format!("{}/sql/audit.sql", env!("CARGO_MANIFEST_DIR"));
        let output = self.cluster.psql("postgres", &["-t", "-A", "-f", &script]).await;
        in_one_line(&String::from_utf8([output.stdout, output.stderr].concat()).expect("text"))
    }

    /// The report names this.
    pub async fn names(&self, fact: &str) {
        let report = self.audit().await;
        assert!(is_named(&report, fact), "{fact}: {}", report.replace(" RK-", "\nRK-"));
    }
}

/// The first column of the rows, joined.
pub async fn text(client: &Client, query: &str) -> String {
    let rows = client.query(query, &[]).await.unwrap_or_else(|error| panic!("{query}: {error:?}"));
    rows.iter().map(|row| row.get::<_, Option<String>>(0).unwrap_or_default()).collect::<Vec<_>>().join("\n")
}
