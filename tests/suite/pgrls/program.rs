//! Runs pgrls, as `.ci/pgrls` installs it.

use std::path::Path;

use rowkeep::database::Address;
use rowkeep::session::connect_once;
use serde_json::Value;
use tokio::process::Command;

use crate::world::OwnCluster;

/// The result of a run.
#[derive(Debug)]
pub struct Report {
    /// pgrls found nothing.
    pub passed: bool,
    /// The report, as JSON.
    pub json: Value,
}

/// Runs pgrls on every schema of the database at `url`, as a superuser. Proofs about rows leave out schema rowkeep, which has no
/// rows of users.
pub async fn pgrls(url: &str, arguments: &[&str]) -> Report {
    let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/pgrls");
    let python = home.join("bin/python");
    assert!(python.exists(), "pgrls is not installed: run `.ci/pgrls`");

    // In a folder without a configuration file that it would read by itself.
    let mut command = Command::new(python);
    command.current_dir(home).env_clear();
    command.args(["-m", "pgrls"]).args(arguments).args(["--format", "json"]);
    let of_rows = ["anon", "cross-tenant", "write"].iter().any(|mode| arguments.contains(mode));
    let without = if of_rows { "rowkeep" } else { "" };
    command.args(["--schemas", &schemas(url, without).await, "--database-url", url]);
    let output = command.output().await.expect("pgrls");

    // Exit code 2 means that pgrls itself failed.
    let code = output.status.code();
    assert!(matches!(code, Some(0 | 1)), "{arguments:?}: {output:?}");
    let json = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    Report { passed: code == Some(0), json }
}

/// The argument that names the configuration.
pub const CONFIG: &str = concat!("--config=", env!("CARGO_MANIFEST_DIR"), "/tests/pgrls/pgrls.toml");

/// All schemas but one. By default pgrls looks only at `public`.
async fn schemas(url: &str, without: &str) -> String {
    let client = connect_once(&Address::parse(url).expect("an address")).await.expect("a connection");
    let all = "select string_agg(nspname, ',') from pg_namespace
                where nspname !~ '^pg_' and nspname not in ('information_schema', $1)";
    client.query_one(all, &[&without]).await.expect("schemas").get(0)
}

/// A deployment in its own cluster. pgrls looks at all roles of a cluster, and other tests make roles that see everything.
pub struct Deployment(OwnCluster);

impl Deployment {
    pub async fn new() -> Self {
        Self::on(OwnCluster::start().await).await
    }

    /// A deployment on this release of PostgreSQL.
    pub async fn of_release(major: u32) -> Self {
        Self::on(OwnCluster::of_release(major).await).await
    }

    async fn on(cluster: OwnCluster) -> Self {
        cluster.migrate().await;
        Self(cluster)
    }

    pub fn url(&self) -> String {
        self.0.url("postgres", "postgres")
    }
}
